#include "core/nn/weights.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace trellis::nn {
namespace {

using formats::SafetensorsFile;
using formats::TensorToWrite;

const formats::StoredTensor& find(const SafetensorsFile& file, const Parameter& parameter,
                                  const std::string& prefix, const std::filesystem::path& path) {
  const std::string name = prefix + parameter.name;
  const auto found = file.tensors.find(name);
  if (found == file.tensors.end())
    throw Error(Fault::bad_data, path.string() + ": has no tensor \"" + name +
                                     "\": it was written for another model");
  if (!std::ranges::equal(found->second.shape, parameter.shape))
    throw Error(Fault::bad_data,
                path.string() + ": tensor \"" + name + "\" has another shape than this model's");
  return found->second;
}

}  // namespace

std::span<float> values_of(const Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

WeightArrays copy_weights(const Parameters& parameters) {
  WeightArrays weights;
  for (const Parameter& parameter : parameters.all()) {
    const auto values = values_of(parameter.tensor);
    weights.emplace_back(values.begin(), values.end());
  }
  return weights;
}

void set_weights(const Parameters& parameters, const WeightArrays& weights) {
  for (std::size_t i = 0; i < weights.size(); ++i)
    std::ranges::copy(weights[i], values_of(parameters.all()[i].tensor).begin());
}

std::vector<TensorToWrite> views(const Parameters& parameters, const std::string& prefix) {
  std::vector<TensorToWrite> result;
  for (const Parameter& parameter : parameters.all())
    result.push_back({prefix + parameter.name, parameter.shape, values_of(parameter.tensor)});
  return result;
}

std::vector<TensorToWrite> views(const Parameters& parameters, const std::string& prefix,
                                 const WeightArrays& arrays) {
  std::vector<TensorToWrite> result;
  for (std::size_t i = 0; i < arrays.size(); ++i)
    result.push_back({prefix + parameters.all()[i].name, parameters.all()[i].shape, arrays[i]});
  return result;
}

void load_weights(const Parameters& parameters, const SafetensorsFile& file,
                  const std::string& prefix, const std::filesystem::path& path) {
  for (const Parameter& parameter : parameters.all())
    formats::copy_values(find(file, parameter, prefix, path), values_of(parameter.tensor));
}

void load_arrays(const Parameters& parameters, const SafetensorsFile& file,
                 const std::string& prefix, const std::filesystem::path& path,
                 WeightArrays& arrays) {
  arrays.clear();
  for (const Parameter& parameter : parameters.all()) {
    arrays.emplace_back(static_cast<std::size_t>(parameter.tensor.numel()));
    formats::copy_values(find(file, parameter, prefix, path), arrays.back());
  }
}

}  // namespace trellis::nn

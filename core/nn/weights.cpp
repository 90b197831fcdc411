#include "core/nn/weights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/nn/tensor_names.hpp"

namespace trellis::nn {
namespace {

using formats::SafetensorsFile;
using formats::StoredTensor;
using formats::TensorToWrite;

// The tensors of all parameters, in their order.
std::vector<const StoredTensor*> find_all(ParameterList parameters, const SafetensorsFile& file,
                                          const std::string& prefix,
                                          const std::filesystem::path& path) {
  std::vector<const StoredTensor*> tensors;
  std::vector<std::string> missing;
  std::vector<std::string> wrong;
  for (const Parameter& parameter : parameters) {
    const auto found = file.tensors.find(prefix + parameter.name);
    if (found == file.tensors.end()) {
      missing.push_back(parameter.name);
    } else if (!std::ranges::equal(found->second.shape, parameter.shape)) {
      wrong.push_back(fmt::format("{} {} where {} is needed", parameter.name,
                                  formats::shape_text(found->second.shape),
                                  formats::shape_text(parameter.shape)));
    } else {
      tensors.push_back(&found->second);
    }
  }
  std::vector<std::string> problems;
  if (!missing.empty()) problems.push_back("missing: " + list_names(missing));
  if (!wrong.empty())
    problems.push_back(fmt::format("of another shape: {}", fmt::join(wrong, ", ")));
  if (!problems.empty())
    throw Error(Fault::bad_data, fmt::format("{}: was written for another model; {}", path.string(),
                                             fmt::join(problems, "; ")));
  return tensors;
}

}  // namespace

std::span<float> values_of(const Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

WeightArrays copy_weights(ParameterList parameters) {
  WeightArrays weights;
  for (const Parameter& parameter : parameters) {
    const auto values = values_of(parameter.tensor);
    weights.emplace_back(values.begin(), values.end());
  }
  return weights;
}

void set_weights(ParameterList parameters, const WeightArrays& weights) {
  for (std::size_t i = 0; i < weights.size(); ++i)
    std::ranges::copy(weights[i], values_of(parameters[i].tensor).begin());
}

void swap_weights(ParameterList parameters, WeightArrays& weights) {
  for (std::size_t i = 0; i < parameters.size(); ++i)
    std::ranges::swap_ranges(values_of(parameters[i].tensor), weights[i]);
}

void update_average(ParameterList parameters, double decay, WeightArrays& average) {
  const auto share = static_cast<float>(1 - decay);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto values = values_of(parameters[i].tensor);
    for (std::size_t j = 0; j < values.size(); ++j)
      average[i][j] += share * (values[j] - average[i][j]);
  }
}

std::vector<TensorToWrite> views(ParameterList parameters, const std::string& prefix) {
  std::vector<TensorToWrite> result;
  for (const Parameter& parameter : parameters)
    result.push_back({prefix + parameter.name, parameter.shape, values_of(parameter.tensor)});
  return result;
}

std::vector<TensorToWrite> views(ParameterList parameters, const std::string& prefix,
                                 const WeightArrays& arrays) {
  std::vector<TensorToWrite> result;
  for (std::size_t i = 0; i < arrays.size(); ++i)
    result.push_back({prefix + parameters[i].name, parameters[i].shape, arrays[i]});
  return result;
}

void load_weights(ParameterList parameters, const SafetensorsFile& file, const std::string& prefix,
                  const std::filesystem::path& path) {
  const auto tensors = find_all(parameters, file, prefix, path);
  for (std::size_t i = 0; i < tensors.size(); ++i)
    formats::copy_values(*tensors[i], values_of(parameters[i].tensor));
}

void load_arrays(ParameterList parameters, const SafetensorsFile& file, const std::string& prefix,
                 const std::filesystem::path& path, WeightArrays& arrays) {
  const auto tensors = find_all(parameters, file, prefix, path);
  arrays.clear();
  for (const StoredTensor* tensor : tensors) {
    arrays.emplace_back(formats::element_count(tensor->shape));
    formats::copy_values(*tensor, arrays.back());
  }
}

}  // namespace trellis::nn

/// Weights between tensors, plain arrays and safetensors files.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/formats/safetensors.hpp"
#include "core/nn/layers.hpp"

namespace trellis::nn {

/// The memory of a parameter; borrowed.
std::span<float> values_of(const Tensor& tensor);

/// One array for each parameter.
using WeightArrays = std::vector<std::vector<float>>;
WeightArrays copy_weights(const Parameters& parameters);
void set_weights(const Parameters& parameters, const WeightArrays& weights);

/// Views for writing, named prefix + parameter; `arrays` holds one array for each parameter.
std::vector<formats::TensorToWrite> views(const Parameters& parameters, const std::string& prefix);
std::vector<formats::TensorToWrite> views(const Parameters& parameters, const std::string& prefix,
                                          const WeightArrays& arrays);

/// Fills all parameters from the tensors named prefix + parameter. Throws Error(bad_data) naming
/// the file when one is missing or has another shape.
void load_weights(const Parameters& parameters, const formats::SafetensorsFile& file,
                  const std::string& prefix, const std::filesystem::path& path);
void load_arrays(const Parameters& parameters, const formats::SafetensorsFile& file,
                 const std::string& prefix, const std::filesystem::path& path,
                 WeightArrays& arrays);

}  // namespace trellis::nn

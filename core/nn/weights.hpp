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

/// All of a network's parameters, or some of them. Thawed.
using ParameterList = std::span<const Parameter>;

/// One array for each parameter.
using WeightArrays = std::vector<std::vector<float>>;
WeightArrays copy_weights(ParameterList parameters);
void set_weights(ParameterList parameters, const WeightArrays& weights);
/// The other way round: `weights` holds what the parameters held.
void swap_weights(ParameterList parameters, WeightArrays& weights);
/// average = decay average + (1 - decay) weights. Lengths are those of the parameters.
void update_average(ParameterList parameters, double decay, WeightArrays& average);

/// Views for writing, named prefix + parameter; `arrays` holds one array for each parameter.
std::vector<formats::TensorToWrite> views(ParameterList parameters, const std::string& prefix);
std::vector<formats::TensorToWrite> views(ParameterList parameters, const std::string& prefix,
                                          const WeightArrays& arrays);

/// Fills the parameters from the tensors named prefix + parameter. Throws Error(bad_data) with one
/// line that names the file and every tensor that is missing or has another shape.
void load_weights(ParameterList parameters, const formats::SafetensorsFile& file,
                  const std::string& prefix, const std::filesystem::path& path);
void load_arrays(ParameterList parameters, const formats::SafetensorsFile& file,
                 const std::string& prefix, const std::filesystem::path& path,
                 WeightArrays& arrays);

}  // namespace trellis::nn

/// Rotary positions of published models: their base, and how it was stretched for long texts.
#pragma once

#include <cstddef>
#include <vector>

#include "core/formats/config_reader.hpp"

namespace trellis::nn {

/// The frequencies // [head_size / 2] that an object with the keys "rope_type", "rope_theta",
/// "factor" ... asks for; older files have "rope_theta" in the config itself and the rest under
/// "rope_scaling". Known types: default, linear (Chen et al. 2023), llama3 (Llama 3.1: frequencies
/// below 1 / (original context / low_freq_factor) are divided by the factor, those above 1 /
/// (original context / high_freq_factor) stay, and between them it goes over smoothly), divided
/// (each by its own entry of "divisors": how GGUF files hold what the others come to).
std::vector<double> published_rotary(const formats::ConfigReader& config,
                                     const formats::ConfigReader& parameters, std::size_t head_size,
                                     double default_base = 10000);

/// The same for models with one kind of positions: from "rope_parameters" or "rope_scaling".
std::vector<double> published_rotary(const formats::ConfigReader& config, std::size_t head_size,
                                     double default_base = 10000);

}  // namespace trellis::nn

#include "core/nn/published_rotary.hpp"

#include <numbers>

#include "core/kernels/rotary.hpp"

namespace trellis::nn {
namespace {

using formats::ConfigReader;

std::vector<double> stretch_like_llama3(std::vector<double> frequencies,
                                        const ConfigReader& parameters) {
  const double factor = parameters.number({"factor"});
  const double low = parameters.number({"low_freq_factor"}, 1);
  const double high = parameters.number({"high_freq_factor"}, 4);
  const auto original =
      static_cast<double>(parameters.size({"original_max_position_embeddings"}, 8192));
  if (high <= low) parameters.refuse("high_freq_factor", "must be above low_freq_factor");
  for (double& frequency : frequencies) {
    const double turns = original * frequency / (2 * std::numbers::pi);  // within that context
    if (turns >= high) continue;
    const double kept = turns <= low ? 0 : (turns - low) / (high - low);
    frequency *= kept + (1 - kept) / factor;
  }
  return frequencies;
}

}  // namespace

std::vector<double> published_rotary(const ConfigReader& config, const ConfigReader& parameters,
                                     std::size_t head_size, double default_base) {
  const double base =
      parameters.number({"rope_theta"}, config.number({"rope_theta"}, default_base));
  std::vector<double> frequencies = kernels::rotary_frequencies(base, head_size);
  const std::string type = parameters.choice({"rope_type", "type"},
                                             {"default", "linear", "llama3", "divided"}, "default");
  if (type == "llama3") return stretch_like_llama3(std::move(frequencies), parameters);
  if (type == "divided") {
    const std::vector<double> divisors = parameters.numbers({"divisors"});
    if (divisors.size() != frequencies.size())
      parameters.refuse("divisors", "must be half as many as head_dim");
    for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= divisors[i];
  }
  if (type == "linear") {
    const double factor = parameters.number({"factor"});
    for (double& frequency : frequencies) frequency /= factor;
  }
  return frequencies;
}

std::vector<double> published_rotary(const ConfigReader& config, std::size_t head_size,
                                     double default_base) {
  const auto parameters = config.object({"rope_parameters", "rope_scaling"});
  return published_rotary(config, parameters ? *parameters : config, head_size, default_base);
}

}  // namespace trellis::nn

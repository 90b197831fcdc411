#include "core/nn/tuning.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cmath>

#include "core/nn/tensor_names.hpp"
#include "core/nn/training_options.hpp"

namespace trellis::nn {
namespace {

const char* const kGroup = "fine-tuning";
constexpr std::string_view kWeight = ".weight";
const char* const kDown = ".lora_down";
const char* const kUp = ".lora_up";

// "blocks.0.attention.out" of its weight.
std::string layer_name(const std::string& name) {
  return name.ends_with(kWeight) ? name.substr(0, name.size() - kWeight.size()) : name;
}

// A weight goes by the name of its layer as well.
bool matches(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0 ||
         fnmatch(pattern.c_str(), layer_name(name).c_str(), 0) == 0;
}

// Which of the names match any of the patterns; each pattern must match one.
std::vector<bool> chosen(const char* setting, const std::vector<std::string>& patterns,
                         const std::vector<std::string>& names) {
  std::vector<bool> result(names.size(), false);
  for (const std::string& pattern : patterns) {
    bool found = false;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!matches(pattern, names[i])) continue;
      result[i] = found = true;
    }
    if (!found)
      throw Error(Fault::usage, fmt::format("{}: \"{}\" is the name of nothing; there are: {}",
                                            setting, pattern, list_names(names)));
  }
  return result;
}

bool is_change(const Parameter& parameter) {
  return parameter.name.ends_with(kDown) || parameter.name.ends_with(kUp);
}

// Those that may be given a change, and of these the ones that the patterns choose.
std::vector<Parameter> matrices_to_change(const std::vector<Parameter>& all,
                                          const std::vector<bool>& frozen,
                                          const std::vector<std::string>& targets) {
  std::vector<Parameter> matrices;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].matrix == nullptr || !all[i].matrix->may_change() || frozen[i]) continue;
    matrices.push_back(all[i]);
    names.push_back(all[i].name);
  }
  if (targets.empty()) return matrices;
  const std::vector<bool> wanted = chosen("lora_targets", targets, names);
  std::vector<Parameter> result;
  for (std::size_t i = 0; i < matrices.size(); ++i)
    if (wanted[i]) result.push_back(matrices[i]);
  return result;
}

void add_change(Parameters& parameters, const Parameter& matrix, const TuningOptions& options) {
  const std::int64_t out = matrix.shape[0];
  const std::int64_t in = matrix.shape[1];
  const std::string layer = layer_name(matrix.name);
  LowRank change;
  change.down = parameters.add(layer + kDown, {options.lora_rank, in},
                               {Init::Kind::uniform, 1.0 / std::sqrt(static_cast<double>(in))});
  change.up = parameters.add(layer + kUp, {out, options.lora_rank}, {});
  change.scale = options.lora_alpha / static_cast<double>(options.lora_rank);
  matrix.matrix->set_change(std::move(change));
}

}  // namespace

nlohmann::json tuning_settings() {
  return nlohmann::json::array(
      {model_setting("init_from", kGroup,
                     "The model that training begins at, with its architecture and vocabulary: a "
                     "folder, a GGUF file, or the label or id of a model trained before."),
       list_setting(
           "frozen", kGroup, {},
           "Parameters that are not trained, as patterns: \"tokens*\", \"blocks.[0-7].*\"."),
       integer_setting("lora_rank", kGroup, 0, 0, 4096,
                       "Rank of the changes that are learned in place of the weights; 0 for the "
                       "weights themselves."),
       number_setting("lora_alpha", kGroup, 16, 0, 1e6,
                      "The changes are multiplied by this and divided by their rank."),
       list_setting("lora_targets", kGroup, {},
                    "Matrices that are changed, as patterns: \"*.attention.*\"; all of linear "
                    "layers by default.")});
}

TuningOptions tuning_options(const nlohmann::json& settings) {
  TuningOptions options;
  options.init_from = setting_value<std::string>(settings, "init_from");
  options.frozen = setting_value<std::vector<std::string>>(settings, "frozen");
  options.lora_rank = setting_value<std::int64_t>(settings, "lora_rank");
  options.lora_alpha = setting_value<double>(settings, "lora_alpha");
  options.lora_targets = setting_value<std::vector<std::string>>(settings, "lora_targets");
  return options;
}

void choose_trained(Parameters& parameters, const TuningOptions& options, std::uint64_t seed) {
  const std::vector<Parameter> all = parameters.all();
  std::vector<std::string> names;
  for (const Parameter& parameter : all) names.push_back(parameter.name);
  const std::vector<bool> frozen = chosen("frozen", options.frozen, names);
  std::vector<Parameter> changed;
  if (options.lora_rank > 0) changed = matrices_to_change(all, frozen, options.lora_targets);
  parameters.thaw(false);  // what stays as it is takes its packed weights again
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool trained = options.lora_rank == 0 && !frozen[i];
    if (trained && all[i].matrix != nullptr) all[i].matrix->thaw(true);
    all[i].tensor.set_requires_grad(trained);
  }
  for (const Parameter& matrix : changed) matrix.matrix->thaw(true);
  parameters.draw_from(seed);
  for (const Parameter& matrix : changed) add_change(parameters, matrix, options);
  if (parameters.trained().empty())
    throw Error(Fault::usage, "frozen: nothing is left to train; leave a part of the model out");
}

void merge_changes(Parameters& parameters) {
  const at::NoGradGuard no_gradient;
  const std::vector<Parameter>& all = parameters.all();
  std::size_t own = 0;
  while (own < all.size() && !is_change(all[own])) ++own;
  for (std::size_t i = 0; i < own; ++i)
    if (all[i].matrix != nullptr) all[i].matrix->merge_change();
  parameters.forget_after(own);
  for (const Parameter& parameter : all) parameter.tensor.set_requires_grad(true);
}

}  // namespace trellis::nn

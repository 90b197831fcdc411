/// Fine-tuning: from which weights training begins, and what of a network it changes.
///
/// LoRA (Hu et al. 2021) leaves a matrix W as it is and learns the change of it as a product of two
/// narrow ones, W + alpha / rank * up down. `up` begins with zeros, so training begins at the model
/// that it changes; afterwards the product is added to W, so generation costs what it did before.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/nn/layers.hpp"

namespace trellis::nn {

struct TuningOptions {
  std::string init_from;            ///< a model's folder or file; empty: from drawn weights
  std::vector<std::string> frozen;  ///< patterns of parameters that are not trained
  std::int64_t lora_rank = 0;       ///< 0: the parameters themselves are trained
  double lora_alpha = 16;
  std::vector<std::string> lora_targets;  ///< patterns of matrices; empty: all that may be changed
};

/// The entries of the group "fine-tuning", which every model has.
nlohmann::json tuning_settings();
/// From complete settings. Throws Error(usage) for a missing one.
TuningOptions tuning_options(const nlohmann::json& settings);

/// Thaws the parameters and leaves a gradient to those alone that are to be trained; with a rank,
/// adds these: "NAME.lora_down" // [rank, in] and "NAME.lora_up" // [out, rank] for every chosen
/// matrix NAME. Patterns are the shell's: * ? [abc]. Throws Error(usage) for one that nothing
/// matches, and when nothing is left to train.
void choose_trained(Parameters& parameters, const TuningOptions& options, std::uint64_t seed);

/// Makes what was added a part of the matrices and forgets it.
void merge_changes(Parameters& parameters);

}  // namespace trellis::nn

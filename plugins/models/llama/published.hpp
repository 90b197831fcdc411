/// Published checkpoints of Llama's kind: Llama, Qwen2, Mixtral.
#pragma once

#include "core/nn/language_model.hpp"

namespace trellis::models {

/// From the config.json of a model of the types llama and qwen2. Throws Error(bad_data) for what it
/// does not know.
nn::PublishedModel published_llama(const formats::ConfigReader& config);

/// The same for mixtral: each feed-forward network is a mixture of experts.
nn::PublishedModel published_mixtral(const formats::ConfigReader& config);

}  // namespace trellis::models

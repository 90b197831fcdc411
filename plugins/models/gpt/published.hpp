/// Published checkpoints of GPT-2.
#pragma once

#include "core/nn/language_model.hpp"

namespace trellis::models {

/// From the config.json of a model of the type gpt2. Throws Error(bad_data) for what it does not
/// know.
nn::PublishedModel published_gpt2(const formats::ConfigReader& config);

}  // namespace trellis::models

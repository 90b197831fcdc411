/// Published checkpoints of GPT-Neo, EleutherAI's GPT-3.
#pragma once

#include "core/nn/language_model.hpp"

namespace trellis::models {

/// From the config.json of a model of the type gpt_neo. Throws Error(bad_data) for what it does not
/// know.
nn::PublishedModel published_gpt_neo(const formats::ConfigReader& config);

}  // namespace trellis::models

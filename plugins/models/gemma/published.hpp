/// Published checkpoints of Gemma 3 for text.
#pragma once

#include "core/nn/language_model.hpp"

namespace trellis::models {

/// From the config.json of a model of the type gemma3_text. Throws Error(bad_data) for what it does
/// not know.
nn::PublishedModel published_gemma(const formats::ConfigReader& config);

}  // namespace trellis::models

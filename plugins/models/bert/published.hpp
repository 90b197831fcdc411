/// Published checkpoints of BERT.
#pragma once

#include "core/nn/language_model.hpp"

namespace trellis::models {

/// From the config.json of a model of the type bert, with a head that predicts masked places.
/// Throws Error(bad_data) for what it does not know.
nn::PublishedModel published_bert(const formats::ConfigReader& config);

}  // namespace trellis::models

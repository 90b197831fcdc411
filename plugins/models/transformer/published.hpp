/// Published checkpoints of encoder-decoder Transformers: T5 and Marian.
#pragma once

#include "core/nn/language_model.hpp"

namespace trellis::models {

/// From the config.json of a model of the type t5 (Raffel et al. 2020; also its version 1.1 and
/// what was made of it) or marian (Junczys-Dowmunt et al. 2018). Throw Error(bad_data) for what
/// they do not know.
nn::PublishedModel published_t5(const formats::ConfigReader& config);
nn::PublishedModel published_marian(const formats::ConfigReader& config);

}  // namespace trellis::models

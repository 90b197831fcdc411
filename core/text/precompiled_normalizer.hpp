/// SentencePiece's compiled rules inside a tokenizer.json, as T5's and XLM-R's have them.
#pragma once

#include <memory>
#include <string>

#include "core/text/normalizer.hpp"

namespace trellis::text {

/// `table`: a CharacterMap in base64. Throws Error(bad_data) when it is damaged.
std::unique_ptr<Normalizer> make_precompiled_normalizer(const std::string& table);

}  // namespace trellis::text

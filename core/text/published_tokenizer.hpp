/// Tokenizers of published models, from Hugging Face's tokenizer.json or SentencePiece's files.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer.hpp"

namespace trellis::text {

/// From a folder that holds tokenizer.json or SentencePiece's files, in this order, or from such a
/// file itself; what does not end in .json is taken for one of SentencePiece. Throws Error(missing)
/// when there is none, Error(bad_data) when it is damaged or needs what is not known here.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path);

/// From the contents of a tokenizer.json. Known are the models BPE (byte-level, or over characters
/// with byte fallback), WordPiece and Unigram; see `normalizer.hpp`, `pre_tokenizer.hpp` and
/// `decoder.hpp` for the steps around them. Its truncation and padding are not looked at. Throws
/// Error(bad_data) with one line that names what is not known.
std::unique_ptr<Tokenizer> read_huggingface_tokenizer(std::string_view json);

/// The same from JSON that is parsed already.
std::unique_ptr<Tokenizer> build_huggingface_tokenizer(const nlohmann::json& json);

}  // namespace trellis::text

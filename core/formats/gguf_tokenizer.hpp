/// The tokenizer of a GGUF file.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/formats/gguf.hpp"

namespace trellis::formats {

/// As the tokenizer.json that it was made from. Known: byte-level BPE ("gpt2") with the splitting
/// of GPT-2, and of SmolLM, which takes digits one by one; BPE of SentencePiece ("llama"), with
/// bytes for what it does not know. Throws Error(bad_data) for others.
nlohmann::json gguf_tokenizer(const std::filesystem::path& path, const GgufFile& file);

}  // namespace trellis::formats

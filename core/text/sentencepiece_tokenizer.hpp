/// Tokenizers of published models as SentencePiece's own files: see sentencepiece_model.hpp.
///
/// Only what the file calls user-defined is recognised in a text: control symbols such as </s> that
/// are written there are text. Of a character that becomes several bytes, the last one has its
/// range, and those before it an empty one.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/text/tokenizer.hpp"

namespace trellis::text {

/// The contents of a model's files.
struct SentencePieceFiles {
  std::string model = {};
  std::string decoding_model =
      {};                       ///< of the language that is written, where it has its own (Marian)
  std::string vocabulary = {};  ///< {"piece": id}, where ids are not the places in `model` (Marian)
  bool add_begin = false;       ///< before a text, when special tokens are asked for
  bool add_end = false;         ///< behind it
};

/// Throws Error(bad_data) with one line for what is damaged.
std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(SentencePieceFiles files);

/// What Tokenizer::to_json gave. Throws nlohmann::json::exception where something is missing.
std::unique_ptr<Tokenizer> sentencepiece_from_json(const nlohmann::json& json);

/// Those of a folder: source.spm, target.spm and vocab.json as Marian's, or one of spiece.model,
/// tokenizer.model and spm.model; with what tokenizer_config.json says about the tokens around a
/// text. Nothing where there are none.
std::optional<SentencePieceFiles> find_sentencepiece_files(const std::filesystem::path& folder);

}  // namespace trellis::text

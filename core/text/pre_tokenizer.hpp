/// The second step of a published tokenizer: cutting text into pieces that no token crosses. The
/// kinds and their names are those of Hugging Face's tokenizer.json.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "core/text/aligned_text.hpp"

namespace trellis::text {

/// A piece of an AlignedText's present form, in bytes; never empty.
struct Piece {
  std::uint32_t begin;
  std::uint32_t end;
};

/// Immutable, so any thread may use it.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Cuts each piece into smaller ones; may rewrite the text.
  virtual void apply(AlignedText& text, std::vector<Piece>& pieces) const = 0;
};

struct PreTokenizerParts {
  std::unique_ptr<PreTokenizer> pre_tokenizer;  ///< null: the whole text is one piece
  bool needs_ranges = false;                    ///< wants to know where the text comes from
  bool byte_level = false;                      ///< the vocabulary is written in GPT-2's alphabet
};

/// Null and false for JSON's null. Throws Error(bad_data) for a kind or setting that is not known,
/// and nlohmann::json::exception where something is missing.
PreTokenizerParts read_pre_tokenizer(const nlohmann::json& json);

/// Appends what GPT-2's pattern matches in text[begin, end); that is all of it. Equal to
/// Pattern(kGpt2Pattern), only faster.
void split_as_gpt2(std::string_view text, std::size_t begin, std::size_t end,
                   std::vector<Piece>& pieces);

}  // namespace trellis::text

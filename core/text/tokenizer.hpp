/// Tokenizers that Trellis trains itself: words, characters, byte-level BPE.
///
/// A tokenizer is immutable once made, so it may be used from many threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::text {

/// Every vocabulary begins with these, whatever its kind.
enum SpecialToken : std::int32_t {
  kPad = 0,        ///< "<pad>": fills ragged batches, never generated
  kUnknown = 1,    ///< "<unk>": a word or character outside the vocabulary
  kBegin = 2,      ///< "<bos>": the start symbol
  kEnd = 3,        ///< "<eos>": the end symbol
  kSeparator = 4,  ///< "<sep>": between source and target in decoder-only models
  kSpecialCount = 5
};

/// The settings of every model plugin that trains a vocabulary.
struct TokenizerOptions {
  std::string kind = "bpe";       ///< "word", "character" or "bpe" (byte-level)
  std::size_t vocab_size = 4096;  ///< upper limit, special tokens included
  std::size_t minimum_count = 1;  ///< rarer words, characters or merges are left out
  bool lowercase = false;         ///< full Unicode lower-casing before everything else
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual std::size_t vocab_size() const = 0;

  /// Ids of valid UTF-8 text. Adds no special tokens and recognises none written in the text.
  virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;

  /// Text of the ids; special tokens except <unk> are left out. Broken UTF-8 becomes U+FFFD.
  virtual std::string decode(std::span<const std::int32_t> tokens) const = 0;

  /// One token as a person should see it: a leading space is shown as is, special tokens by name,
  /// bytes that are no whole character as "<0xE4>".
  virtual std::string token_text(std::int32_t token) const = 0;

  /// All that `tokenizer_from_json` needs.
  virtual nlohmann::json to_json() const = 0;
};

/// Builds a vocabulary from texts. The same texts and options give the same vocabulary on every
/// machine: ties are broken by text. Throws Error(usage) for an unknown kind or a size that does
/// not hold the special tokens (for "bpe": and the 256 bytes).
std::unique_ptr<Tokenizer> train_tokenizer(const TokenizerOptions& options,
                                           std::span<const std::string_view> texts);

/// Throws Error(bad_data) when the JSON does not describe a tokenizer.
std::unique_ptr<Tokenizer> tokenizer_from_json(const nlohmann::json& json);

}  // namespace trellis::text

/// Tokenizers: those that Trellis trains itself (words, characters, byte-level BPE), and those of
/// published models (`published_tokenizer.hpp`).
///
/// A tokenizer is immutable once made, so it may be used from many threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trellis::text {

/// Every vocabulary that Trellis trains begins with these, whatever its kind. Published models
/// number theirs as they like: see Tokenizer::special_tokens.
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

/// Rewriting can make a text many times as long, and places in it have 32 bits.
inline constexpr std::size_t kLongestText = std::size_t{1} << 28U;

/// Half-open, in bytes of the text that was encoded.
struct ByteRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool operator==(const ByteRange&) const = default;
};

struct EncodeOptions {
  /// Adds the special tokens that the model expects around a text. Tokenizers trained here have
  /// none: their models place them.
  bool add_special_tokens = false;
  /// Special tokens written in the text become these tokens, as published models need it for their
  /// chat templates. Tokenizers trained here recognise none.
  bool parse_special_tokens = true;
};

/// Tokens with the part of the text that each stands for: whole characters, also where a token
/// holds only some of a character's bytes; empty for tokens that stand for no text.
struct Encoding {
  std::vector<std::int32_t> tokens;
  std::vector<ByteRange> ranges;  ///< as many as tokens
};

/// Two texts as one input of a model that reads pairs.
struct PairEncoding {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> segments;  ///< which of the two each token belongs to, 0 or 1
  std::vector<bool> added;             ///< whether a token stands for no text
};

/// The tokens that a vocabulary has for these purposes, as far as its source says.
struct SpecialTokens {
  std::optional<std::int32_t> pad, unknown, begin, end, separator, mask;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// One more than the greatest id.
  virtual std::size_t vocab_size() const = 0;

  /// Ids of valid UTF-8 text of at most kLongestText bytes (else Error(usage)).
  virtual std::vector<std::int32_t> encode(std::string_view text,
                                           const EncodeOptions& options = {}) const = 0;

  /// The same tokens, with where they came from.
  virtual Encoding encode_with_ranges(std::string_view text,
                                      const EncodeOptions& options = {}) const = 0;

  /// With the special tokens that the model expects around and between two texts. Throws
  /// Error(usage) where the tokenizer knows of no pairs.
  virtual PairEncoding encode_pair(std::string_view first, std::string_view second) const;

  /// Text of the ids; special tokens are left out unless `special` (tokenizers trained here always
  /// show <unk> and no other). Broken UTF-8 becomes U+FFFD.
  virtual std::string decode(std::span<const std::int32_t> tokens, bool special = false) const = 0;

  /// One token as a person should see it: a leading space is shown as is, special tokens by name,
  /// bytes that are no whole character as "<0xE4>".
  virtual std::string token_text(std::int32_t token) const = 0;

  /// What one token writes inside of a text: bytes, not always whole characters. Nothing for
  /// special tokens and ids that are not there.
  virtual std::string token_bytes(std::int32_t token) const = 0;

  virtual SpecialTokens special_tokens() const = 0;

  /// Special tokens are left out of decoded text.
  virtual bool is_special(std::int32_t token) const = 0;

  /// The id of a token by its name in the vocabulary ("<|im_end|>"), if it is there.
  virtual std::optional<std::int32_t> find_token(std::string_view name) const = 0;

  /// All that `tokenizer_from_json` needs.
  virtual nlohmann::json to_json() const = 0;

 protected:
  /// Throws Error(usage) for a text of more than kLongestText bytes.
  static void check_length(std::string_view text);
};

/// Text as it grows token by token, in whole characters: the pieces joined are what `decode` gives
/// for all tokens, as long as they hold no broken UTF-8. One object, one text, one thread.
class StreamingDecoder {
 public:
  using Decode = std::function<std::string(std::span<const std::int32_t> tokens)>;

  explicit StreamingDecoder(Decode decode) : decode_(std::move(decode)) {}
  /// `tokenizer` must outlive the decoder.
  explicit StreamingDecoder(const Tokenizer& tokenizer, bool special = false)
      : StreamingDecoder([&tokenizer, special](std::span<const std::int32_t> tokens) {
          return tokenizer.decode(tokens, special);
        }) {}

  /// The text that this token makes certain, often none.
  std::string push(std::int32_t token);

  /// What is still held back, for the end of the text: an unfinished character becomes U+FFFD.
  std::string finish();

 private:
  std::string emit(const std::string& text);

  Decode decode_;
  std::vector<std::int32_t> window_;  ///< the tokens emitted last, then those held back
  std::size_t emitted_ = 0;           ///< how many of the window
  std::string shown_;                 ///< the text of those
};

/// Builds a vocabulary from texts. The same texts and options give the same vocabulary on every
/// machine: ties are broken by text. Throws Error(usage) for an unknown kind or a size that does
/// not hold the special tokens (for "bpe": and the 256 bytes).
std::unique_ptr<Tokenizer> train_tokenizer(const TokenizerOptions& options,
                                           std::span<const std::string_view> texts);

/// Any tokenizer from what its `to_json` gave. Throws Error(bad_data) when the JSON does not
/// describe a tokenizer.
std::unique_ptr<Tokenizer> tokenizer_from_json(const nlohmann::json& json);

}  // namespace trellis::text

/// The symbols of a tokenizer, numbered; the special tokens come first.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/tokenizer.hpp"

namespace trellis::text {

inline constexpr std::string_view kSpecialNames[] = {"<pad>", "<unk>", "<bos>", "<eos>", "<sep>"};

class Vocabulary {
 public:
  Vocabulary() = default;
  /// The symbols after the special tokens, in the order of their ids. Throws Error(bad_data) when
  /// one is there twice.
  explicit Vocabulary(std::vector<std::string> symbols);

  std::size_t size() const { return kSpecialCount + symbols_.size(); }
  /// kUnknown when it is not there.
  std::int32_t id(std::string_view symbol) const;
  std::optional<std::int32_t> find(std::string_view symbol) const;
  /// `token` must not be special.
  const std::string& symbol(std::int32_t token) const { return symbols_.at(token - kSpecialCount); }
  const std::vector<std::string>& symbols() const { return symbols_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::vector<std::string> symbols_;
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> ids_;
};

/// What all tokenizers that Trellis trains have in common: the special tokens.
class TrainedTokenizer : public Tokenizer {
 public:
  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions&) const override {
    check_length(text);
    return encode_all(text, false).tokens;
  }
  Encoding encode_with_ranges(std::string_view text, const EncodeOptions&) const override {
    check_length(text);
    return encode_all(text, true);
  }
  SpecialTokens special_tokens() const override {
    return {kPad, kUnknown, kBegin, kEnd, kSeparator, std::nullopt};
  }
  bool is_special(std::int32_t token) const override {
    return token >= 0 && token < kSpecialCount && token != kUnknown;
  }
  std::optional<std::int32_t> find_token(std::string_view name) const override {
    for (std::int32_t id = 0; id < kSpecialCount; ++id) {
      if (kSpecialNames[id] == name) return id;
    }
    return find_symbol(name);
  }

 protected:
  virtual Encoding encode_all(std::string_view text, bool with_ranges) const = 0;
  virtual std::optional<std::int32_t> find_symbol(std::string_view name) const = 0;
};

using SymbolCounts = std::unordered_map<std::string, std::uint64_t>;

/// The most frequent symbols that fit and are frequent enough, most frequent first; of equally
/// frequent ones the smaller by bytes first.
std::vector<std::string> most_frequent(const SymbolCounts& counts, const TokenizerOptions& options);

std::unique_ptr<Tokenizer> make_character_tokenizer(Vocabulary vocabulary, bool lowercase);
std::unique_ptr<Tokenizer> train_character_tokenizer(const TokenizerOptions& options,
                                                     std::span<const std::string_view> texts);
std::unique_ptr<Tokenizer> make_word_tokenizer(Vocabulary vocabulary, bool lowercase);
std::unique_ptr<Tokenizer> train_word_tokenizer(const TokenizerOptions& options,
                                                std::span<const std::string_view> texts);

}  // namespace trellis::text

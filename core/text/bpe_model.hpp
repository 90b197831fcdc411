/// Byte-pair encoding (Sennrich, Haddow, Birch 2016) over bytes or characters: which two adjacent
/// tokens become one, lowest rank first. The same for tokenizers trained here, for those of
/// published models, and for SentencePiece's, whose ranks come from scores.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/token_model.hpp"

namespace trellis::text {

struct BpeSettings {
  std::vector<std::string> tokens;  ///< bytes of each id; empty where text never becomes it
  std::vector<BpeMerge> merges;
  bool bytes = true;           ///< words begin as single bytes; else as characters
  std::int32_t unknown = -1;   ///< what a character outside the vocabulary becomes; -1: nothing
  bool fuse_unknown = false;   ///< several unknown characters in a row become one token
  bool ignore_merges = false;  ///< a word that is a token is that token, however merges would go
  std::vector<std::int32_t> byte_tokens;  ///< 256 ids for unknown characters' bytes, or none
};

/// Immutable, so any thread may use it.
class BpeModel final : public TokenModel {
 public:
  /// Merges must name tokens that are there.
  explicit BpeModel(BpeSettings settings);

  void encode(std::string_view text, Piece piece, TokenOutput& out) const override;

 private:
  struct Symbol {
    std::int32_t token;
    std::uint32_t begin;
    std::uint32_t end;
  };
  struct Pair {
    std::uint64_t key;
    std::int32_t rank;
    std::int32_t merged;
  };
  struct Word {
    std::uint64_t hash;
    std::int32_t token;
  };

  void build_pairs();
  void build_words();
  void mark_whole_words();
  void find_boundary();
  const Pair* find_pair(std::int32_t left, std::int32_t right) const;
  std::int32_t find_word(std::string_view word) const;
  void encode_word(std::string_view text, std::size_t begin, std::size_t end,
                   TokenOutput& out) const;
  void encode_with_gaps(std::string_view text, std::size_t begin, std::size_t end,
                        TokenOutput& out) const;
  template <typename Push>
  bool each_symbol(std::string_view text, std::size_t begin, std::size_t end, Push&& push) const;
  std::size_t merge_short(Symbol* symbols, std::size_t count) const;
  void merge_long(std::vector<Symbol>& symbols) const;

  BpeSettings settings_;
  std::vector<Pair> pairs_;                ///< open addressing, a power of two
  std::vector<Word> words_;                ///< likewise
  std::vector<bool> whole_;                ///< whether a token's own text becomes that token
  std::array<std::int32_t, 256> ascii_{};  ///< tokens of single bytes
  bool cuts_at_space_ = false;             ///< no token holds U+2581 behind another character
};

}  // namespace trellis::text

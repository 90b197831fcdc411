/// Tokens that are looked for in the text itself, before anything else: special tokens and words
/// that were added to a vocabulary.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/trie.hpp"

namespace trellis::text {

struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  bool special = false;
  bool single_word = false;  ///< only where no word character stands beside it
  bool strip_left = false;   ///< takes the white space before it
  bool strip_right = false;  ///< and after it
  bool normalized = false;   ///< is looked for in the normalized text
};

/// Immutable, so any thread may use it.
class AddedTokens {
 public:
  /// A part of a text: one of the tokens, or text between them.
  struct Part {
    std::size_t begin;
    std::size_t end;
    std::optional<std::int32_t> token;
  };

  AddedTokens() = default;
  /// Empty contents are left out.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }

  /// The whole text in parts, none empty; at each place the longest token. With `special` false
  /// special tokens are taken for text.
  std::vector<Part> split(std::string_view text, bool special) const;

 private:
  std::optional<std::size_t> find(std::string_view text, std::size_t at, bool special,
                                  std::size_t& length) const;

  std::vector<AddedToken> tokens_;
  Trie trie_;
  std::array<bool, 256> first_{};  ///< bytes that a token begins with
};

}  // namespace trellis::text

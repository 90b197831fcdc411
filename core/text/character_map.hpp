/// The table of replacements that SentencePiece compiles its normalization rules into: a trie of
/// what is replaced, as a Darts double array (S. Yata), then the replacements as C strings.
/// Source: the format as SentencePiece's model files hold it ("precompiled_charsmap").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::text {

/// Immutable, so any thread may use it.
class CharacterMap {
 public:
  struct Match {
    std::size_t length;            ///< bytes that are replaced
    std::string_view replacement;  ///< lives as long as the map
  };

  CharacterMap() = default;
  /// Throws Error(bad_data) for bytes that are no such table.
  explicit CharacterMap(std::string_view bytes);

  bool empty() const { return units_.empty(); }
  std::optional<Match> longest(std::string_view text) const;
  std::optional<Match> shortest(std::string_view text) const;

 private:
  template <typename Found>
  void search(std::string_view text, Found&& found) const;
  std::string_view replacement(std::uint32_t at) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

/// Throws Error(bad_data) for what is no base64.
std::string from_base64(std::string_view text);
std::string to_base64(std::string_view bytes);

}  // namespace trellis::text

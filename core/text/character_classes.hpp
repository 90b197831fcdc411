/// What patterns and published tokenizers ask of a character, from a table instead of ICU's tries.
#pragma once

#include <cstdint>
#include <string_view>

namespace trellis::text {

enum CharacterClass : std::uint8_t {
  kLetter = 1,           ///< \p{L}
  kNumber = 2,           ///< \p{N}
  kWhiteSpace = 4,       ///< the property White_Space, which is \s in these patterns
  kBertPunctuation = 8,  ///< ASCII's marks and symbols, and \p{P} as of Unicode 8
  kBertControl = 16,     ///< Cc, Cf, Co as of Unicode 8, but no tab or line end
  kNonSpacingMark = 32,  ///< \p{Mn} as of Unicode 8
  kWordCharacter = 64,   ///< \w: letters, marks, decimal digits, connectors
  kLineEnd = 128         ///< carriage return and line feed
};

/// Any number of the flags above.
std::uint8_t classes_of(char32_t code_point);

/// The classes of the character that begins at `at`, which moves behind it. `text` must be valid
/// UTF-8 and `at` inside it.
std::uint8_t next_classes(std::string_view text, std::size_t& at);

}  // namespace trellis::text

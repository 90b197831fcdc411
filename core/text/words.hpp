/// Words as numbers, for finding the same words again in much text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace trellis::text {

/// Appends a 64-bit hash of each word of UTF-8 `text`, in order. A word is a run of letters, marks
/// and digits, without regard to case (Unicode's simple case folding); an ideograph is a word of
/// its own, for Chinese puts no space between words; all else is between words, invalid bytes too.
/// Depends on nothing but the text.
void append_word_hashes(std::string_view text, std::vector<std::uint64_t>& hashes);

}  // namespace trellis::text

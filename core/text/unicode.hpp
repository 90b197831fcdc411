/// UTF-8 and Unicode, on ICU's tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::text {

/// Byte offset of the first invalid sequence, or nothing when `text` is valid UTF-8.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// Every maximal invalid sequence becomes U+FFFD (Unicode 3.9, "substitution of maximal
/// subparts").
std::string replace_invalid_utf8(std::string_view bytes);

/// Code points of valid UTF-8.
std::vector<char32_t> to_code_points(std::string_view text);
/// The first code point of valid UTF-8 that is not empty.
char32_t code_point_of(std::string_view text);
bool is_mark(char32_t code_point);  ///< \p{M}
std::string from_code_points(std::u32string_view code_points);
void append_utf8(char32_t code_point, std::string& out);

/// The pieces of `text` that hold one code point each.
std::vector<std::string_view> split_code_points(std::string_view text);

/// Full Unicode lower-casing, as Python's str.lower() does it (final sigma included).
std::string to_lower(std::string_view text);

/// Python's string.punctuation.
bool is_ascii_punctuation(char c);

/// White space as Python's str.split() and str.strip() see it.
bool is_space(char32_t code_point);
std::vector<std::string_view> split_white_space(std::string_view text);
std::string_view strip(std::string_view text);
std::string_view strip_right(std::string_view text);

/// Every place where `from`, which is not empty, stands, left to right.
void replace_all(std::string& text, std::string_view from, std::string_view to);

}  // namespace trellis::text

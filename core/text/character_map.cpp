#include "core/text/character_map.hpp"

#include <array>
#include <cstring>

#include "core/error.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// A unit of the double array: the label in the low byte and the sign bit, or a value.
bool has_leaf(std::uint32_t unit) {
  return (unit >> 8U & 1U) != 0;
}
std::uint32_t label(std::uint32_t unit) {
  return unit & 0x800000FFU;
}
std::uint32_t offset(std::uint32_t unit) {
  return unit >> 10U << ((unit & 0x200U) >> 6U);
}

}  // namespace

CharacterMap::CharacterMap(std::string_view bytes) {
  if (bytes.empty()) return;
  std::uint32_t size = 0;
  const bool whole = bytes.size() > sizeof size;
  if (whole) std::memcpy(&size, bytes.data(), sizeof size);
  if (!whole || size % sizeof(std::uint32_t) != 0 || size == 0 ||
      size > bytes.size() - sizeof size) {
    throw Error(Fault::bad_data, "tokenizer: its table of normalized characters is damaged");
  }
  units_.resize(size / sizeof(std::uint32_t));
  std::memcpy(units_.data(), bytes.data() + sizeof size, size);
  replacements_ = bytes.substr(sizeof size + size);
  if (find_invalid_utf8(replacements_)) {
    throw Error(Fault::bad_data, "tokenizer: its table of normalized characters is not UTF-8");
  }
}

std::string_view CharacterMap::replacement(std::uint32_t at) const {
  if (at >= replacements_.size()) return {};
  // A damaged table may point into a character.
  while (at > 0 && (static_cast<unsigned char>(replacements_[at]) & 0xC0U) == 0x80U) --at;
  const auto end = replacements_.find('\0', at);
  return std::string_view(replacements_)
      .substr(at, end == std::string::npos ? std::string::npos : end - at);
}

/// Calls found(length, value) for each prefix of `text` that is in the trie, short ones first,
/// until it returns false.
template <typename Found>
void CharacterMap::search(std::string_view text, Found&& found) const {
  if (units_.empty()) return;
  std::size_t node = offset(units_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (node >= units_.size() || label(units_[node]) != byte) return;
    const std::uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size() || !found(i + 1, units_[node] & 0x7FFFFFFFU)) return;
  }
}

std::optional<CharacterMap::Match> CharacterMap::longest(std::string_view text) const {
  std::optional<Match> match;
  search(text, [&](std::size_t length, std::uint32_t value) {
    match = Match{length, replacement(value)};
    return true;
  });
  return match;
}

std::optional<CharacterMap::Match> CharacterMap::shortest(std::string_view text) const {
  std::optional<Match> match;
  search(text, [&](std::size_t length, std::uint32_t value) {
    match = Match{length, replacement(value)};
    return false;
  });
  return match;
}

std::string from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) {
      throw Error(Fault::bad_data, "tokenizer: a character that is no base64");
    }
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFFU);
  }
  return bytes;
}

std::string to_base64(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8U | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= count ? kDigits[bits >> (18U - 6U * k) & 63U] : '=';
    }
  }
  return text;
}

}  // namespace trellis::text

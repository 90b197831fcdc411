#include "core/text/added_tokens.hpp"

#include <algorithm>

#include "core/text/character_classes.hpp"

namespace trellis::text {
namespace {

std::size_t previous_character(std::string_view text, std::size_t at) {
  --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

std::uint8_t classes_before(std::string_view text, std::size_t at) {
  std::size_t begin = previous_character(text, at);
  return next_classes(text, begin);
}

std::uint8_t classes_after(std::string_view text, std::size_t at) {
  return next_classes(text, at);
}

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  return (begin == 0 || (classes_before(text, begin) & kWordCharacter) == 0) &&
         (end == text.size() || (classes_after(text, end) & kWordCharacter) == 0);
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
  std::vector<Trie::Entry> entries;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    entries.emplace_back(tokens_[i].content, static_cast<std::int32_t>(i));
    first_[static_cast<unsigned char>(tokens_[i].content[0])] = true;
  }
  trie_ = Trie(std::move(entries));
}

/// Which token begins at `at`.
std::optional<std::size_t> AddedTokens::find(std::string_view text, std::size_t at, bool special,
                                             std::size_t& length) const {
  std::optional<std::size_t> found;
  trie_.each_prefix(text.substr(at), [&](std::size_t size, std::int32_t index) {
    if (tokens_[index].special && !special) return;
    found = static_cast<std::size_t>(index);
    length = size;
  });
  return found;
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text, bool special) const {
  std::vector<Part> parts;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size() && !tokens_.empty();) {
    std::size_t length = 0;
    const auto index = first_[static_cast<unsigned char>(text[at])]
                           ? find(text, at, special, length)
                           : std::nullopt;
    if (!index) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[*index];
    std::size_t begin = at;
    std::size_t end = at + length;
    at = end;
    if (token.single_word && !stands_alone(text, begin, end)) continue;
    while (token.strip_left && begin > done && (classes_before(text, begin) & kWhiteSpace) != 0) {
      begin = previous_character(text, begin);
    }
    while (token.strip_right && end < text.size() &&
           (classes_after(text, end) & kWhiteSpace) != 0) {
      next_classes(text, end);
    }
    if (begin > done) parts.push_back({done, begin, std::nullopt});
    parts.push_back({begin, end, token.id});
    done = end;
    at = std::max(at, end);
  }
  if (done < text.size()) parts.push_back({done, text.size(), std::nullopt});
  return parts;
}

}  // namespace trellis::text

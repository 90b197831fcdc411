#include "gui/widgets/difference.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include "core/text/unicode.hpp"
#include "gui/fonts.hpp"
#include "gui/widgets/flow.hpp"

namespace trellis::gui {
namespace {

constexpr std::size_t most_words = 2000;

/// Scripts that are written without spaces: each character is a word.
bool stands_alone(char32_t c) {
  return (c >= 0x2E80 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0xFF00 && c <= 0xFFEF) || (c >= 0x20000 && c <= 0x3FFFF) ||
         (c >= 0x0E00 && c <= 0x0EFF);
}

/// Pieces that make up the text: words with the spaces before them.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  std::size_t at = 0;
  bool in_word = false;
  for (const auto piece : text::split_code_points(text)) {
    const auto c = text::to_code_points(piece)[0];
    const bool space = text::is_space(c);
    const bool alone = stands_alone(c);
    if ((space && in_word) || (alone && in_word)) {
      words.push_back(text.substr(begin, at - begin));
      begin = at;
    }
    at += piece.size();
    in_word = !space && !alone;
    if (alone) {
      words.push_back(text.substr(begin, at - begin));
      begin = at;
    }
  }
  if (begin < text.size()) words.push_back(text.substr(begin));
  return words;
}

}  // namespace

std::vector<DifferencePiece> difference(std::string_view first, std::string_view second) {
  const auto a = words_of(first);
  const auto b = words_of(second);
  std::vector<DifferencePiece> pieces;
  if (a.size() > most_words || b.size() > most_words) return {{second, true}};
  // longest[i * width + j]: of what follows a[i] and b[j].
  const auto width = b.size() + 1;
  std::vector<std::uint16_t> longest((a.size() + 1) * width, 0);
  const auto equal = [&](std::size_t i, std::size_t j) {
    return text::strip(a[i]) == text::strip(b[j]);
  };
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      longest[i * width + j] =
          equal(i, j) ? static_cast<std::uint16_t>(longest[(i + 1) * width + j + 1] + 1)
                      : std::max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  std::size_t i = 0;
  for (std::size_t j = 0; j < b.size(); ++j) {
    while (i < a.size() && !equal(i, j) &&
           longest[(i + 1) * width + j] >= longest[i * width + j + 1]) {
      ++i;
    }
    const bool common = i < a.size() && equal(i, j);
    if (common) ++i;
    pieces.push_back({b[j], common});
  }
  return pieces;
}

void draw_difference(const std::vector<DifferencePiece>& pieces, const Theme& theme) {
  Flow flow(0);
  std::string buffer;
  auto* list = ImGui::GetWindowDrawList();
  const float unit = ImGui::GetFontSize() / 16;
  if (pieces.empty()) ImGui::TextDisabled("(empty)");
  for (const auto& piece : pieces) {
    const auto shown = drawable(piece.text, buffer, true);
    const auto box = flow.place(shown);
    const auto space = piece.text.size() - text::strip(piece.text).size();
    if (!piece.common) {
      const float indent = space > 0 ? width_of(" ") : 0;
      list->AddRectFilled({box.x + indent, box.y + 2 * unit}, {box.z, box.w - 2 * unit},
                          with_alpha(theme.warning, 0.28F), 3 * unit);
    }
    flow.draw(box, shown, theme.text);
  }
  if (!pieces.empty()) flow.finish();
}

}  // namespace trellis::gui

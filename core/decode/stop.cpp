#include "core/decode/stop.hpp"

#include <algorithm>

namespace trellis::decode {
namespace {

// A window this many tokens longer than the last shrinking left it is tried for shrinking again.
constexpr std::size_t kWindow = 16;
// Up to three bytes of a character that is not yet complete, each shown as a replacement character
// of three bytes.
constexpr std::size_t kReplacementSize = 9;

}  // namespace

StopStrings::StopStrings(std::span<const std::string> strings) {
  for (const auto& text : strings) {
    if (text.empty()) continue;
    strings_.push_back(text);
    longest_ = std::max(longest_, text.size());
  }
}

std::optional<std::size_t> StopStrings::find(std::string_view text) const {
  std::size_t first = std::string_view::npos;
  for (const auto& stop : strings_) first = std::min(first, text.find(stop));
  if (first == std::string_view::npos) return std::nullopt;
  return first;
}

std::optional<std::size_t> StopSearch::advance(const plugin::Model& model, const StopStrings& stops,
                                               std::span<const std::int32_t> tokens) {
  if (stops.none()) return std::nullopt;
  while (searched_ < tokens.size()) {
    ++searched_;
    const auto seen = tokens.first(searched_);
    const std::string text = model.decode(seen.subspan(window_begin_));
    if (stops.find(text)) return searched_;
    if (searched_ - window_begin_ >= kWindow) shrink(model, stops, seen, text);
  }
  return std::nullopt;
}

// The first half of the window may go if what is left decodes to the very end of the text (a
// tokenizer may treat its first token differently, and a character may be cut) and is long enough
// to hold all but the last byte of any stop string.
void StopSearch::shrink(const plugin::Model& model, const StopStrings& stops,
                        std::span<const std::int32_t> seen, std::string_view window_text) {
  const std::size_t middle = window_begin_ + (seen.size() - window_begin_) / 2;
  const std::string rest = model.decode(seen.subspan(middle));
  if (rest.size() >= stops.longest() + kReplacementSize && window_text.ends_with(rest)) {
    window_begin_ = middle;
  }
}

}  // namespace trellis::decode

#include <algorithm>

#include "core/text/tokenizer.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// No character has more bytes, so that what is still broken after so many tokens stays broken.
constexpr std::size_t kLongestWait = 32;

}  // namespace

std::string StreamingDecoder::push(std::int32_t token) {
  window_.push_back(token);
  const std::string text = decode_(window_);
  const bool unfinished = text.ends_with(kReplacement);
  if (unfinished && window_.size() - emitted_ < kLongestWait) return {};
  if (text.size() <= shown_.size()) return {};
  return emit(text);
}

std::string StreamingDecoder::finish() {
  std::string rest = emit(decode_(window_));
  window_.clear();
  shown_.clear();
  emitted_ = 0;
  return rest;
}

/// What `text` has beyond that which was shown. The tokens behind it stay in the window, because a
/// token's text can depend on the one before it.
std::string StreamingDecoder::emit(const std::string& text) {
  std::string news;
  if (text.starts_with(shown_)) {
    news = text.substr(shown_.size());
  } else {
    // A broken byte has changed how those before it are read: as many characters stand as before.
    const auto characters = split_code_points(text);
    const auto before = std::min(split_code_points(shown_).size(), characters.size());
    for (std::size_t i = before; i < characters.size(); ++i) news += characters[i];
  }
  window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(emitted_));
  emitted_ = window_.size();
  shown_ = decode_(window_);
  return news;
}

}  // namespace trellis::text

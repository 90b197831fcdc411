#include "experiments/text_stream.hpp"

namespace trellis::experiments {

std::string TextStream::grow(std::span<const std::int32_t> tokens) {
  if (tokens.size() <= told_) return {};
  const std::string before = model_.decode(tokens.subspan(context_, told_ - context_));
  const std::string now = model_.decode(tokens.subspan(context_));
  // U+FFFD at the end: a character whose other bytes may still come.
  if (now.size() <= before.size() || now.ends_with("\xEF\xBF\xBD")) return {};
  context_ = told_;
  told_ = tokens.size();
  return now.substr(before.size());
}

}  // namespace trellis::experiments

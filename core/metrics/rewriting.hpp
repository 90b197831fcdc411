/// Rewriting text from left to right, as a regular expression's substitution does it.
#pragma once

#include <string>
#include <string_view>

namespace trellis::metrics {

/// Every `from`, left to right; what has been put in is not looked at again.
inline void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t begin = 0;
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, begin)) {
    out.append(text, begin, at - begin).append(to);
    begin = at + from.size();
  }
  if (begin > 0) text = out.append(text, begin);
}

/// Goes over `text` once: `write(a, b)` appends to `out` what neighbours become for which
/// `matches(a, b)` holds; everything else is kept. The result is put in `text`; `out` is only room
/// to write in.
template <typename Text, typename Matches, typename Write>
void rewrite_pairs(Text& text, Text& out, Matches matches, Write write) {
  out.clear();
  std::size_t kept = 0;  // up to here it is written
  for (std::size_t i = 0; i + 1 < text.size();) {
    if (!matches(text[i], text[i + 1])) {
      ++i;
      continue;
    }
    out.append(text, kept, i - kept);
    write(text[i], text[i + 1]);
    i += 2;
    kept = i;
  }
  if (kept == 0) return;
  out.append(text, kept);
  text.swap(out);
}

}  // namespace trellis::metrics

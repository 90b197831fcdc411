#include "core/text/trie.hpp"

#include <algorithm>

namespace trellis::text {
namespace {

constexpr std::size_t kBytes = 256;

}  // namespace

/// Entries that share the bytes before `depth`, which lead to `node`.
struct Trie::Range {
  std::int32_t node;
  std::size_t begin;
  std::size_t end;
  std::size_t depth;
};

Trie::Trie(std::vector<Entry> entries) {
  std::erase_if(entries, [](const Entry& entry) { return entry.first.empty(); });
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.first < b.first; });
  nodes_.resize(2 * kBytes);
  nodes_[0].base = 1;
  std::vector<Range> open = {{0, 0, entries.size(), 0}};
  while (!open.empty()) {
    const Range range = open.back();
    open.pop_back();
    place(entries, range, open);
  }
  nodes_.shrink_to_fit();
}

/// Gives the children of a range their places.
void Trie::place(const std::vector<Entry>& entries, const Range& range, std::vector<Range>& open) {
  std::size_t at = range.begin;
  while (at < range.end && entries[at].first.size() == range.depth) {
    if (nodes_[range.node].value < 0) nodes_[range.node].value = entries[at].second;
    ++at;
  }
  if (at == range.end) return;
  const auto label = [&](std::size_t i) {
    return static_cast<unsigned char>(entries[i].first[range.depth]);
  };
  std::vector<unsigned char> labels;
  for (std::size_t i = at; i < range.end; ++i) {
    if (labels.empty() || labels.back() != label(i)) labels.push_back(label(i));
  }
  const std::int32_t base = free_base(labels);
  nodes_[range.node].base = base;
  for (const auto byte : labels) nodes_[static_cast<std::size_t>(base) + byte].check = range.node;
  for (const auto byte : labels) {
    const std::size_t begin = at;
    while (at < range.end && label(at) == byte) ++at;
    open.push_back({base + byte, begin, at, range.depth + 1});
  }
}

/// The first base from which all children fall on free places. Where nearly everything is taken the
/// search does not begin again the next time.
std::int32_t Trie::free_base(const std::vector<unsigned char>& labels) {
  std::size_t taken = 0;
  const std::size_t first = std::max<std::size_t>(first_free_, labels.front() + 1U);
  for (std::size_t at = first;; ++at) {
    if (nodes_.size() < at + 2 * kBytes) nodes_.resize(nodes_.size() * 2);
    if (nodes_[at].check >= 0) {
      ++taken;
      continue;
    }
    const std::size_t base = at - labels.front();
    const bool fits = std::all_of(labels.begin(), labels.end(), [&](unsigned char byte) {
      return nodes_[base + byte].check < 0;
    });
    if (!fits) continue;
    if (taken * 20 >= (at - first + 1) * 19) first_free_ = at;
    return static_cast<std::int32_t>(base);
  }
}

}  // namespace trellis::text

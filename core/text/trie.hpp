/// All tokens that a text begins with, in one walk over it.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace trellis::text {

/// A double array (Aoe 1989): the child of a node for a byte is at node.base + byte if that node's
/// `check` says so. Immutable, so any thread may use it.
class Trie {
 public:
  using Entry = std::pair<std::string_view, std::int32_t>;

  Trie() : Trie(std::vector<Entry>{}) {}
  /// Values must not be negative; of equal keys the first counts; empty keys are left out.
  explicit Trie(std::vector<Entry> entries);

  /// Calls found(length, value) for each key that `text` begins with, short ones first.
  template <typename Found>
  void each_prefix(std::string_view text, Found&& found) const {
    std::int32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto next =
          static_cast<std::size_t>(nodes_[node].base) + static_cast<unsigned char>(text[i]);
      if (nodes_[next].check != node) return;
      node = static_cast<std::int32_t>(next);
      if (nodes_[node].value >= 0) found(i + 1, nodes_[node].value);
    }
  }

 private:
  struct Node {
    std::int32_t base = 0;
    std::int32_t check = -1;
    std::int32_t value = -1;
  };
  struct Range;
  std::int32_t free_base(const std::vector<unsigned char>& labels);
  void place(const std::vector<Entry>& entries, const Range& range, std::vector<Range>& open);

  std::vector<Node> nodes_;
  std::size_t first_free_ = 1;
};

}  // namespace trellis::text

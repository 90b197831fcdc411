/// Finding stop strings in text that arrives token by token.
///
/// A stop string may span tokens, begin inside one, or end inside one; a token may hold part of a
/// character. So text is compared, never tokens, and each new token costs the decoding of a window
/// of recent tokens only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/plugin/model.hpp"

namespace trellis::decode {

class StopStrings {
 public:
  StopStrings() = default;
  /// Empty strings are left out.
  explicit StopStrings(std::span<const std::string> strings);

  bool none() const { return strings_.empty(); }
  /// Byte offset of the first stop string in `text`: of all that occur, the one that begins first.
  std::optional<std::size_t> find(std::string_view text) const;
  std::size_t longest() const { return longest_; }

 private:
  std::vector<std::string> strings_;
  std::size_t longest_ = 0;  // bytes
};

/// How far one hypothesis has been searched. A copy goes on independently.
class StopSearch {
 public:
  /// Looks at tokens that were appended since the last call; `tokens` is the whole hypothesis.
  /// Returns how many tokens complete the first stop string, if any does.
  std::optional<std::size_t> advance(const plugin::Model& model, const StopStrings& stops,
                                     std::span<const std::int32_t> tokens);

 private:
  void shrink(const plugin::Model& model, const StopStrings& stops,
              std::span<const std::int32_t> seen, std::string_view window_text);

  std::size_t window_begin_ = 0;  // tokens before it can be part of no later match
  std::size_t searched_ = 0;      // tokens seen
};

}  // namespace trellis::decode

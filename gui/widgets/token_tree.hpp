/// A tree of tokens from left to right: stretches that several outputs share are drawn once, and
/// where they part a line leads to each.
#pragma once

#include <imgui.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gui/theme.hpp"

namespace trellis::gui {

/// One token of the tree.
struct TreeToken {
  std::string_view text;
  ImU32 fill = 0;
  bool chosen = false;
  std::size_t arm = 0;       ///< handed back when it is clicked
  std::size_t position = 0;  ///< the same
};

/// A stretch without a fork, and what follows.
struct TreeStretch {
  std::vector<TreeToken> tokens;
  std::string label;  ///< behind the end of a leaf
  ImU32 label_colour = 0;
  std::vector<TreeStretch> next;
};

struct TreeAnswer {
  std::optional<TreeToken> hovered;
  bool clicked = false;
};

/// Scrolls sideways where it is wider than the window that it is in. `placed` is told each token's
/// rectangle (may be empty).
TreeAnswer token_tree(const char* id, const TreeStretch& root, const Theme& theme,
                      const std::function<void(const TreeToken&, const ImVec4&)>& placed = {});

}  // namespace trellis::gui

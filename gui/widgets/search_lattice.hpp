/// How a beam search went, as it is drawn in books: a column for each position, a line from every
/// token to those that followed it, and what led nowhere faint.
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

struct LatticeToken {
  std::string_view text;
  std::string label;                  ///< beside it; where a sequence ends
  std::optional<std::size_t> parent;  ///< its row in the column before
  ImU32 fill = 0;
  bool on_path = false;  ///< of the output
  bool faint = false;    ///< led nowhere
  bool chosen = false;
};

struct LatticePlace {
  std::size_t column = 0;
  std::size_t row = 0;
};
struct LatticeAnswer {
  std::optional<LatticePlace> hovered;
  bool clicked = false;
};

/// Takes as much room as it needs. `placed` is told each token's rectangle (may be empty).
LatticeAnswer search_lattice(const char* id, const std::vector<std::vector<LatticeToken>>& columns,
                             const Theme& theme,
                             const std::function<void(LatticePlace, const ImVec4&)>& placed = {});

}  // namespace trellis::gui

/// The tokens that a search kept, a column for each position: who stands in which row.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gui/snapshot.hpp"

namespace trellis::gui {

struct SearchPlace {
  std::size_t token = 0;   ///< place in Attention::search
  std::size_t row = 0;     ///< in its column
  bool to_output = false;  ///< the output goes through here; then the row is 0
  bool to_end = false;     ///< some finished sequence does
};

/// By position in the output. Children stand in the order of their parents' rows, those that led
/// somewhere first, so that few lines cross.
using SearchColumns = std::vector<std::vector<SearchPlace>>;
SearchColumns search_columns(std::span<const SearchToken> search);

}  // namespace trellis::gui

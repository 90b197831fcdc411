#include "gui/view_models/search_columns.hpp"

#include <algorithm>
#include <tuple>

namespace trellis::gui {

SearchColumns search_columns(std::span<const SearchToken> search) {
  std::vector<SearchPlace> places(search.size());
  std::vector<std::size_t> position(search.size());
  SearchColumns columns;
  for (std::size_t i = 0; i < search.size(); ++i) {
    const auto& parent = search[i].parent;
    position[i] = parent ? position[*parent] + 1 : 0;
    columns.resize(std::max(columns.size(), position[i] + 1));
  }
  // A parent stands before its children.
  for (std::size_t i = search.size(); i-- > 0;) {
    auto& place = places[i];
    const auto fate = search[i].fate;
    place.token = i;
    place.to_output = place.to_output || fate == SearchToken::Fate::output;
    place.to_end = place.to_end || place.to_output || fate == SearchToken::Fate::finished;
    if (!search[i].parent) continue;
    auto& parent = places[*search[i].parent];
    parent.to_output = parent.to_output || place.to_output;
    parent.to_end = parent.to_end || place.to_end;
  }
  for (std::size_t i = 0; i < search.size(); ++i) columns[position[i]].push_back(places[i]);
  for (auto& column : columns) {
    const auto order = [&](const SearchPlace& place) {
      const auto& parent = search[place.token].parent;
      return std::tuple(!place.to_output, parent ? places[*parent].row : 0, !place.to_end,
                        -search[place.token].probability, place.token);
    };
    std::ranges::sort(column, {}, order);
    for (std::size_t row = 0; row < column.size(); ++row) {
      column[row].row = places[column[row].token].row = row;
    }
  }
  return columns;
}

}  // namespace trellis::gui

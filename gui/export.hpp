/// A view as something else: the SQL that asks for the same, and its rows as CSV.
#pragma once

#include <string>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// A SELECT over the database's views that gives what this state shows.
std::string query_of(const Snapshot& snapshot, const ViewState& state);

/// What this state shows, one row a line, RFC 4180 with "\n"; a header first.
std::string csv_of(const Snapshot& snapshot, const ViewState& state);

}  // namespace trellis::gui

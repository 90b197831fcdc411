/// The commands of the palette: what can be done now, by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gui/snapshot.hpp"

namespace trellis::gui {

struct Command {
  std::string name;  ///< what is searched: "go to samples", "metric bleu"
  std::string keys;  ///< what does the same; may be empty
};

/// All commands for this state.
std::vector<Command> commands_of(const Snapshot& snapshot, const ViewState& state);

/// Those that hold all words of `text`, in any order and any case, best first: earlier matches
/// before later ones.
std::vector<Command> matching(const std::vector<Command>& commands, std::string_view text);

/// Does what a command says to the state; false when it is none of the state's (copy, save, …).
bool apply(const std::string& command, const Snapshot& snapshot, ViewState& state);

}  // namespace trellis::gui

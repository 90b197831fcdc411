#include "gui/palette.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text/unicode.hpp"
#include "gui/export.hpp"
#include "gui/view_models/selection.hpp"

namespace trellis::gui {
namespace {

constexpr std::array screens = {Screen::runs,   Screen::leaderboard, Screen::explore,
                                Screen::curves, Screen::compare,     Screen::samples,
                                Screen::tokens, Screen::rate,        Screen::sql};

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::vector<Command> commands_of(const Snapshot& snapshot, const ViewState& state) {
  std::vector<Command> commands;
  for (std::size_t i = 0; i < screens.size(); ++i) {
    commands.push_back(
        {fmt::format("go to {}", to_string(screens[i])), fmt::format("Alt+{}", i + 1)});
  }
  if (const auto* table = chosen_table(snapshot, state)) {
    for (const auto& column : table->columns)
      commands.push_back({fmt::format("metric {}", column.name), ""});
  }
  if (snapshot.overview) {
    for (const auto& task : snapshot.overview->tasks)
      commands.push_back({fmt::format("task {}", task.label), ""});
    for (const auto& row : snapshot.overview->experiments) {
      commands.push_back({fmt::format("experiment {}", row.name), ""});
    }
  }
  for (const auto& [name, keys] : std::initializer_list<std::pair<const char*, const char*>>{
           {"filter samples", "/"},
           {"clear filter", ""},
           {"show this view's query", ""},
           {"undo", "Ctrl+Z"},
           {"redo", "Ctrl+Y"},
           {"copy link to this view", "Ctrl+L"},
           {"copy this view as CSV", ""},
           {"save this view as CSV", ""},
           {"save this view as PNG", ""},
           {"light or dark theme", ""},
           {"show keys", "?"},
           {"quit", "Ctrl+Q"}}) {
    commands.push_back({name, keys});
  }
  return commands;
}

std::vector<Command> matching(const std::vector<Command>& commands, std::string_view text) {
  std::vector<std::pair<std::size_t, Command>> found;
  const auto wanted = text::to_lower(text);
  for (const auto& command : commands) {
    const auto name = text::to_lower(command.name);
    std::size_t score = 0;
    bool all = true;
    for (const auto word : text::split_white_space(wanted)) {
      const auto at = name.find(word);
      all = all && at != std::string::npos;
      // A word that begins another counts for more than one inside.
      if (all) score += at + (at == 0 || name[at - 1] == ' ' ? 0 : 100);
    }
    if (all) found.emplace_back(score, command);
  }
  std::ranges::stable_sort(found, {}, [](const auto& entry) { return entry.first; });
  std::vector<Command> result;
  for (auto& entry : found) result.push_back(std::move(entry.second));
  return result;
}

bool apply(const std::string& command, const Snapshot& snapshot, ViewState& state) {
  std::string_view rest = command;
  if (take(rest, "go to ")) {
    for (const auto screen : screens) {
      if (to_string(screen) == rest) state.screen = screen;
    }
    return true;
  }
  if (take(rest, "metric ")) {
    state.metric = rest;
    return true;
  }
  if (take(rest, "task ")) {
    state.task = rest;
    state.trials.clear();
    return true;
  }
  if (take(rest, "experiment ")) {
    const auto screen = state.screen;
    state = ViewState();
    state.screen = screen;
    state.experiment = rest;
    return true;
  }
  if (command == "clear filter") {
    state.filter.clear();
    return true;
  }
  if (command == "show this view's query") {
    state.sql = query_of(snapshot, state);
    state.screen = Screen::sql;
    return true;
  }
  return false;
}

}  // namespace trellis::gui

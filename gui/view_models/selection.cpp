#include "gui/view_models/selection.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text/unicode.hpp"
namespace trellis::gui {

const reports::TaskTable* chosen_table(const Snapshot& snapshot, const ViewState& state) {
  if (!snapshot.comparison || snapshot.comparison->tables.empty()) return nullptr;
  const auto& tables = snapshot.comparison->tables;
  const auto found =
      std::ranges::find(tables, state.task, [](const auto& table) { return table.task; });
  return found != tables.end() ? &*found : &tables.front();
}

std::string chosen_task(const Snapshot& snapshot, const ViewState& state) {
  if (const auto* table = chosen_table(snapshot, state)) return table->task;
  if (!snapshot.overview || snapshot.overview->tasks.empty()) return state.task;
  return state.task.empty() ? snapshot.overview->tasks.front().label : state.task;
}

std::string chosen_metric(const Snapshot& snapshot, const ViewState& state) {
  if (const auto* table = chosen_table(snapshot, state)) {
    const auto known = std::ranges::any_of(
        table->columns, [&](const auto& column) { return column.name == state.metric; });
    if (known) return state.metric;
    return table->columns.empty() ? "" : table->columns.front().name;
  }
  return state.metric;
}

const storage::TrialRow* find_trial(const Overview& overview, const std::string& id) {
  const auto found =
      std::ranges::find(overview.trials, id, [](const auto& row) { return row.record.id; });
  return found != overview.trials.end() ? &*found : nullptr;
}

std::vector<std::string> tags_of(const Annotations& annotations, const std::string& trial) {
  std::vector<std::string> tags;
  for (const auto& tag : annotations.tags) {
    if (tag.trial == trial) tags.push_back(tag.tag);
  }
  return tags;
}

bool passes(const storage::TrialRow& trial, const std::vector<std::string>& tags,
            std::string_view filter) {
  const auto wanted = text::to_lower(filter);
  const auto shown = text::to_lower(
      fmt::format("{} {} {} {} {} {}", to_string(trial.status), trial.task_label, trial.model_label,
                  trial.record.strategy_label, trial.record.seed, fmt::join(tags, " ")));
  return std::ranges::all_of(text::split_white_space(wanted), [&](const auto word) {
    return shown.find(word) != std::string::npos;
  });
}

std::string trial_name(const Overview& overview, const std::string& id) {
  const auto* trial = find_trial(overview, id);
  if (trial == nullptr) return fmt::format("trial {}", id.substr(0, 8));
  std::string name = trial->model_label + " · " + trial->record.strategy_label;
  const bool seeds = std::ranges::any_of(
      overview.trials, [&](const auto& other) { return other.record.seed != trial->record.seed; });
  if (seeds) name += fmt::format(" · seed {}", trial->record.seed);
  return name;
}

void choose_arm(const reports::TaskTable& table, std::size_t row, const std::string& metric,
                ViewState& state) {
  const auto& arm = table.rows[row];
  state.task = table.task;
  state.metric = metric;
  state.trials.clear();
  state.arm = 0;
  state.token = 0;
  if (arm.trials.empty()) return;
  const auto baseline =
      std::ranges::find_if(table.rows, [](const auto& other) { return other.baseline; });
  if (!arm.baseline && baseline != table.rows.end() && !baseline->trials.empty()) {
    const auto same_seed = std::ranges::find(baseline->seeds, arm.seeds.front());
    const auto place = same_seed != baseline->seeds.end()
                           ? static_cast<std::size_t>(same_seed - baseline->seeds.begin())
                           : 0;
    state.trials.push_back(baseline->trials[place]);
  }
  state.trials.push_back(arm.trials.front());
}

void toggle_trial(const std::string& trial, ViewState& state) {
  const auto found = std::ranges::find(state.trials, trial);
  if (found != state.trials.end()) {
    state.trials.erase(found);
  } else {
    if (state.trials.size() == most_trials) state.trials.erase(state.trials.begin());
    state.trials.push_back(trial);
  }
  state.arm = 0;
  state.token = 0;
}

std::string chosen_criterion(const ViewState& state) {
  return state.criterion.empty() ? "overall" : state.criterion;
}

const Attention* chosen_attention(const Snapshot& snapshot, const ViewState& state) {
  const auto& seen = snapshot.attention;
  const bool current = seen && state.arm < state.trials.size() &&
                       seen->trial == state.trials[state.arm] &&
                       seen->example_index == state.example && seen->sample_index == state.sample;
  return current ? seen.get() : nullptr;
}

Wish wish_of(const Snapshot& snapshot, const ViewState& state, const std::string& rater,
             std::uint64_t sql_asked) {
  Wish wish;
  wish.experiment = state.experiment;
  wish.baseline = state.baseline;
  wish.metric = chosen_metric(snapshot, state);
  wish.filter = state.filter;
  wish.sort = state.sample_sort;
  wish.descending = state.sample_descending;
  if (snapshot.overview) {
    // What a link names may not be in this database.
    for (const auto& trial : state.trials) {
      if (find_trial(*snapshot.overview, trial) != nullptr) wish.trials.push_back(trial);
    }
  }
  const bool inside = state.screen == Screen::samples || state.screen == Screen::tokens;
  wish.tokens = inside && !wish.trials.empty();
  wish.example_index = state.example;
  wish.sample_index = static_cast<std::uint32_t>(state.sample);
  const bool computed = state.attention || state.beams;
  if (state.screen == Screen::tokens && computed && state.arm < wish.trials.size()) {
    wish.attention_of = wish.trials[state.arm];
  }
  wish.rating = state.screen == Screen::rate;
  wish.rating_kind = state.rating;
  wish.rater = rater;
  wish.criterion = chosen_criterion(state);
  if (wish.rating && state.results) wish.results_task = chosen_task(snapshot, state);
  if (state.screen == Screen::sql && sql_asked > 0) {
    wish.sql = state.sql;
    wish.sql_asked = sql_asked;
  }
  return wish;
}

}  // namespace trellis::gui

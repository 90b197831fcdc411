/// The linked selection in terms of a snapshot: which task, metric, arm and trials a state means.
#pragma once

#include <optional>
#include <string>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// The table of the state's task, or the first; null before a comparison was made or without tasks.
const reports::TaskTable* chosen_table(const Snapshot& snapshot, const ViewState& state);
/// The task's label; empty when there is none.
std::string chosen_task(const Snapshot& snapshot, const ViewState& state);
/// The state's metric where the task has it, else the task's main one; empty when there is none.
std::string chosen_metric(const Snapshot& snapshot, const ViewState& state);

/// The trial of this id in the experiment, or null.
const storage::TrialRow* find_trial(const Overview& overview, const std::string& id);
/// "transformer · greedy"; with the seed where the experiment has several.
std::string trial_name(const Overview& overview, const std::string& id);

/// Chooses the trials of an arm beside the baseline's of the same seed (the baseline alone for
/// itself), and the task and metric they were found by.
void choose_arm(const reports::TaskTable& table, std::size_t row, const std::string& metric,
                ViewState& state);
/// Adds or removes a trial; at most most_trials stay, the newest.
void toggle_trial(const std::string& trial, ViewState& state);

/// What the worker must read for this state.
Wish wish_of(const Snapshot& snapshot, const ViewState& state, std::uint64_t sql_asked);

}  // namespace trellis::gui

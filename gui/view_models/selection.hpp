/// The linked selection in terms of a snapshot: which task, metric, arm and trials a state means.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
/// The words that people put on a trial.
std::vector<std::string> tags_of(const Annotations& annotations, const std::string& trial);
/// Whether all words of a filter stand in what a trial's row shows, in any case.
bool passes(const storage::TrialRow& trial, const std::vector<std::string>& tags,
            std::string_view filter);
/// "transformer · greedy"; with the seed where the experiment has several.
std::string trial_name(const Overview& overview, const std::string& id);

/// Chooses the trials of an arm beside the baseline's of the same seed (the baseline alone for
/// itself), and the task and metric they were found by.
void choose_arm(const reports::TaskTable& table, std::size_t row, const std::string& metric,
                ViewState& state);
/// Adds or removes a trial; at most most_trials stay, the newest.
void toggle_trial(const std::string& trial, ViewState& state);

/// What outputs are rated by: the state's criterion, or "overall".
std::string chosen_criterion(const ViewState& state);

/// What was computed again of the chosen arm's sample; null where it is not there (yet).
const Attention* chosen_attention(const Snapshot& snapshot, const ViewState& state);

/// What the worker must read for this state and this rater.
Wish wish_of(const Snapshot& snapshot, const ViewState& state, const std::string& rater,
             std::uint64_t sql_asked);

}  // namespace trellis::gui

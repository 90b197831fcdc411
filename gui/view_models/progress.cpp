#include "gui/view_models/progress.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace trellis::gui {

Progress progress_of(const Overview& overview) {
  Progress progress;
  for (const auto& trial : overview.trials) {
    progress.stored += trial.stored_samples;
    progress.expected += trial.record.expected_samples;
    progress.running += trial.status == storage::TrialStatus::running ? 1 : 0;
    progress.done += trial.status == storage::TrialStatus::done ? 1 : 0;
  }
  progress.trials = overview.trials.size();
  for (const auto& model : overview.models) progress.models_ready += model.result ? 1 : 0;
  progress.models = overview.models.size();
  return progress;
}

std::string describe(const Progress& progress) {
  auto text = fmt::format("{} of {} trials, {} of {} samples, {} of {} models ready", progress.done,
                          progress.trials, progress.stored, progress.expected,
                          progress.models_ready, progress.models);
  if (progress.running > 0) text += fmt::format("; {} running", progress.running);
  return text;
}

std::string storage_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace trellis::gui

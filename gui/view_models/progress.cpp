#include "gui/view_models/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/text/json.hpp"

namespace trellis::gui {

Progress progress_of(const Overview& overview) {
  Progress progress;
  std::uint64_t missing = 0;
  for (const auto& trial : overview.trials) {
    progress.stored += trial.stored_samples;
    progress.expected += trial.record.expected_samples;
    progress.running += trial.status == storage::TrialStatus::running ? 1 : 0;
    progress.done += trial.status == storage::TrialStatus::done ? 1 : 0;
    if (trial.status != storage::TrialStatus::failed &&
        trial.stored_samples < trial.record.expected_samples) {
      missing += trial.record.expected_samples - trial.stored_samples;
    }
  }
  if (overview.samples_per_second && missing > 0) {
    progress.seconds_left = static_cast<double>(missing) / *overview.samples_per_second;
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
  if (progress.running == 0) return text;
  text += fmt::format("; {} running", progress.running);
  if (progress.seconds_left) {
    const bool training = progress.models_ready < progress.models;
    text += fmt::format(", about {} left{}", rough_duration(*progress.seconds_left),
                        training ? " and training" : "");
  }
  return text;
}

std::string rough_duration(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::ceil(std::max(seconds, 0.0)));
  if (whole < 60) return fmt::format("{} s", whole);
  const auto minutes = (whole + 30) / 60;
  if (minutes < 60) return fmt::format("{} min", minutes);
  return fmt::format("{} h {:02} min", minutes / 60, minutes % 60);
}

std::optional<double> SampleRate::add(const std::string& experiment, double seconds,
                                      std::uint64_t stored) {
  constexpr double window = 120;
  // Fewer than before: another run replaced the trials.
  if (experiment != experiment_ || (!seen_.empty() && stored < seen_.back().second)) seen_.clear();
  experiment_ = experiment;
  seen_.emplace_back(seconds, stored);
  // The oldest that is worth keeping is the newest before the window.
  while (seen_.size() > 2 && seen_[1].first < seconds - window && seen_[1].second < stored) {
    seen_.pop_front();
  }
  const double gained = static_cast<double>(stored - seen_.front().second);
  const double passed = seconds - seen_.front().first;
  if (!(gained > 0) || !(passed > 0)) return std::nullopt;
  return gained / passed;
}

std::string storage_text(const nlohmann::json& value) {
  return write_json(value);
}

}  // namespace trellis::gui

/// How far an experiment is.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>

#include "gui/snapshot.hpp"

namespace trellis::gui {

struct Progress {
  std::uint64_t stored = 0;
  std::uint64_t expected = 0;
  std::uint64_t running = 0;  ///< trials
  std::uint64_t done = 0;
  std::uint64_t trials = 0;
  std::uint64_t models_ready = 0;
  std::uint64_t models = 0;
  /// Until the samples of trials that have not failed are there, as fast as they came last; nothing
  /// where none came.
  std::optional<double> seconds_left;
};
Progress progress_of(const Overview& overview);

/// "8 of 16 trials, 560 of 1120 samples, 2 of 4 models ready; 1 running, about 3 min left".
std::string describe(const Progress& progress);

/// "45 s", "3 min", "2 h 10 min".
std::string rough_duration(double seconds);

/// How fast samples come, from how many were there at which time: over the last two minutes, or
/// since there were fewer than now where that is longer ago. Another experiment begins anew.
class SampleRate {
 public:
  std::optional<double> add(const std::string& experiment, double seconds, std::uint64_t stored);

 private:
  std::string experiment_;
  std::deque<std::pair<double, std::uint64_t>> seen_;
};

/// JSON as one line of valid UTF-8.
std::string storage_text(const nlohmann::json& value);

}  // namespace trellis::gui

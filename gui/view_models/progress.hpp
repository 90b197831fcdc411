/// How far an experiment is.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

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
};
Progress progress_of(const Overview& overview);

/// "8 of 16 trials, 560 of 1120 samples, 2 of 4 models ready".
std::string describe(const Progress& progress);

/// JSON as one line of valid UTF-8.
std::string storage_text(const nlohmann::json& value);

}  // namespace trellis::gui

/// Starts and stops `trellis run` for the database that is shown.
///
/// A run is a process of its own that goes on when the dashboard is closed; what it prints is in a
/// file beside the database. Whoever writes to the database can be stopped, also a run that was
/// started elsewhere, as by Ctrl-C: what is done is kept, and it can be resumed.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "storage/queries.hpp"

namespace trellis::gui {

/// One thread at a time.
class RunControl {
 public:
  /// `program`: trellis itself.
  RunControl(std::filesystem::path program, std::filesystem::path database);

  /// Begins a config's run. Throws Error(busy) while somebody writes, and what start_command
  /// throws.
  void start(const std::filesystem::path& config);
  /// Goes on with an experiment as it was last called. Throws Error(usage) when its config is gone
  /// or has changed since, because that would be another experiment.
  void resume(const storage::ExperimentRow& experiment);
  /// Asks whoever writes to stop, as Ctrl-C does; a second time is a second Ctrl-C. Throws
  /// Error(usage) when nobody does.
  void stop();

  /// How a run that was started here has ended since the last call, in one line; empty: it goes on,
  /// or there is none.
  std::string take_ending();

 private:
  void start(std::vector<std::string> words);

  std::filesystem::path program_;
  std::filesystem::path database_;
  std::optional<pid_t> child_;
};

/// Where a run that the dashboard starts prints: "results.db" → "results.run.log".
std::filesystem::path log_of(const std::filesystem::path& database);

/// The last lines of a file, at most `most_bytes`; empty when it is not there. Bytes that are no
/// UTF-8 become U+FFFD.
std::string end_of_file(const std::filesystem::path& path, std::size_t most_bytes);

}  // namespace trellis::gui

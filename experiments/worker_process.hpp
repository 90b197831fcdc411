/// A worker process as the host sees it: a job goes in, events and the end come out.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/protocol.hpp"

namespace trellis::experiments {

/// How a process ended.
struct Ending {
  int exit_code = 0;
  std::optional<int> signal;
};

/// Owns the process: it is killed and reaped with this object. It also dies with the host, however
/// that ends, and runs in a process group of its own, so that Ctrl-C reaches the host alone.
class WorkerProcess {
 public:
  /// Starts `program worker` with `job` as its standard input. memory_bytes 0: no limit. Throws
  /// Error(environment).
  WorkerProcess(const std::filesystem::path& program, const std::string& job,
                std::uint64_t memory_bytes);
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  ~WorkerProcess();

  /// Both become readable when there is something to read, or at the end.
  int event_descriptor() const { return events_; }
  int error_descriptor() const { return errors_; }

  /// Complete lines that have arrived. Does not wait. Throws Error(plugin) for a line without end.
  std::vector<std::string> read_events();
  void read_errors();
  /// False once the worker has closed its events: it is ending.
  bool open() const { return open_; }

  void ask_to_stop();  ///< SIGTERM
  void kill();         ///< SIGKILL, with all its children
  /// Waits for the end, and kills a worker that does not come to it in ten seconds.
  Ending wait();

  /// Whose plugins ran when it was last heard of: 1 plus the index of a trial of its job, 0 for
  /// the model's or nobody's.
  std::uint32_t mark() const { return shared_->mark.load(); }

  /// Changes whenever a plugin asks whether to stop: long work that is silent does so.
  std::uint32_t polls() const { return shared_->polls.load(); }

  /// The last lines of its standard error and output.
  const std::string& standard_error() const { return error_tail_; }

 private:
  pid_t pid_ = -1;
  int events_ = -1;
  int errors_ = -1;
  SharedWords* shared_ = nullptr;
  bool open_ = true;
  std::string event_buffer_;
  std::string error_tail_;
};

}  // namespace trellis::experiments

/// What a person sees while work goes on.
///
/// On a terminal: one live line for each worker, redrawn in place. Elsewhere: plain lines when
/// something begins or ends. Everything goes to standard error.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <string>

namespace trellis::experiments {

/// "1 h 05 min", "3 min 20 s", "12 s".
std::string duration_text(double seconds);
/// "512 bytes", "1.5 MB", "4.0 GB": powers of 1,000.
std::string size_text(std::uint64_t bytes);
/// 12345678 as "12,345,678".
std::string count_text(std::uint64_t count);

class Progress {
 public:
  using Clock = std::function<double()>;  ///< seconds

  /// `out` must outlive it.
  Progress(std::ostream& out, bool terminal, Clock clock);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// A line that stays.
  void say(const std::string& line);
  /// Begins a stretch of work of a worker: `done` of `total` counts up to it.
  void begin(int worker, const std::string& title, std::optional<double> total, double done);
  /// `detail` is shown after the count: "loss 3.21, 5,200 tokens/s".
  void update(int worker, double done, std::optional<double> total, const std::string& detail);
  void end(int worker);

 private:
  struct Line {
    std::string title;
    std::optional<double> total;
    double done = 0;
    double first_done = 0;
    double started = 0;
    std::string detail;
  };
  std::string text_of(const Line& line) const;
  void erase();
  void draw();

  std::ostream& out_;
  bool terminal_;
  Clock clock_;
  std::map<int, Line> lines_;
  std::size_t drawn_ = 0;
  double last_draw_ = 0;
};

}  // namespace trellis::experiments

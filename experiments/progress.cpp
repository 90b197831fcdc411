#include "experiments/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace trellis::experiments {
namespace {

constexpr double kRedrawSeconds = 0.1;

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(std::max(seconds, 0.0)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  auto size = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  for (; size >= 999.95 && unit < 3; ++unit) size /= 1000;
  return fmt::format("{:.1f} {}B", size, "kMGT"[unit]);
}

std::string count_text(std::uint64_t count) {
  const std::string digits = std::to_string(count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

Progress::Progress(std::ostream& out, bool terminal, Clock clock)
    : out_(out), terminal_(terminal), clock_(std::move(clock)) {}

Progress::~Progress() {
  erase();
  out_.flush();
}

void Progress::say(const std::string& line) {
  erase();
  out_ << line << '\n';
  draw();
  out_.flush();
}

void Progress::begin(int worker, const std::string& title, std::optional<double> total,
                     double done) {
  lines_[worker] = {title, total, done, done, clock_(), ""};
  if (!terminal_) out_ << title << std::endl;
}

void Progress::update(int worker, double done, std::optional<double> total,
                      const std::string& detail) {
  auto& line = lines_[worker];
  line.done = done;
  if (total) line.total = total;
  line.detail = detail;
  if (!terminal_ || clock_() - last_draw_ < kRedrawSeconds) return;
  erase();
  draw();
  out_.flush();
}

void Progress::end(int worker) {
  erase();
  lines_.erase(worker);
  draw();
  out_.flush();
}

std::string Progress::text_of(const Line& line) const {
  std::string text = line.title;
  if (line.total) {
    text += fmt::format("  {}/{}", count_text(static_cast<std::uint64_t>(line.done)),
                        count_text(static_cast<std::uint64_t>(*line.total)));
  }
  if (!line.detail.empty()) text += "  " + line.detail;
  const double gained = line.done - line.first_done;
  if (line.total && gained > 0 && line.done < *line.total) {
    const double left = (clock_() - line.started) / gained * (*line.total - line.done);
    text += fmt::format("  {} left", duration_text(left));
  }
  return text;
}

void Progress::erase() {
  if (drawn_ == 0) return;
  out_ << fmt::format("\x1b[{}A\x1b[J", drawn_);
  drawn_ = 0;
}

void Progress::draw() {
  if (!terminal_) return;
  const std::size_t width = terminal_width();
  for (const auto& [worker, line] : lines_) {
    auto text = text_of(line);
    // A line that wraps could not be erased again. Labels may hold any character, so what is cut
    // is cut between characters; wide ones are rare enough to be left out of account.
    if (text.size() >= width) {
      text.resize(width - 1);
      while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) {
        text.pop_back();
      }
      if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.pop_back();
    }
    out_ << text << '\n';
  }
  drawn_ = lines_.size();
  last_draw_ = clock_();
}

}  // namespace trellis::experiments

#include "gui/run_control.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>

#include "core/error.hpp"
#include "core/text/lines.hpp"
#include "core/text/unicode.hpp"
#include "gui/command.hpp"
#include "storage/writer_lock.hpp"

namespace trellis::gui {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t log_tail = 4096;  // bytes
constexpr int stopped_code = 130;       // of a run that Ctrl-C ended

}  // namespace

fs::path log_of(const fs::path& database) {
  return fs::path(database).replace_extension(".run.log");
}

std::string end_of_file(const fs::path& path, std::size_t most_bytes) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const auto size = static_cast<std::size_t>(file.tellg());
  const auto from = size > most_bytes ? size - most_bytes : 0;
  std::string text(size - from, '\0');
  file.seekg(static_cast<std::streamoff>(from));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (from > 0) text.erase(0, text.find('\n') + 1);
  return text::replace_invalid_utf8(text);
}

RunControl::RunControl(fs::path program, fs::path database)
    : program_(std::move(program)), database_(std::move(database)) {}

void RunControl::start(const fs::path& config) {
  start({program_.string(), "run", config.string()});
}

void RunControl::resume(const storage::ExperimentRow& experiment) {
  const fs::path config = experiment.config_path;
  if (!fs::exists(config)) {
    throw Error(Fault::usage, fmt::format("{}: the config of {} is not there any more; bring it "
                                          "back, or run another",
                                          config.string(), experiment.name));
  }
  if (text::read_text(config) != experiment.config_text) {
    throw Error(Fault::usage, fmt::format("{}: has changed since {} ran; `trellis run` with it "
                                          "replaces the experiment's trials",
                                          config.string(), experiment.name));
  }
  std::vector<std::string> words = {program_.string(), "run", config.string()};
  for (const auto& override_text : experiment.overrides) {
    words.emplace_back("--set");
    words.push_back(override_text);
  }
  start(std::move(words));
}

void RunControl::start(std::vector<std::string> words) {
  if (const auto holder = storage::lock_holder(database_)) {
    throw Error(Fault::busy, fmt::format("{}: process {} is writing to it; stop it first",
                                         database_.string(), *holder));
  }
  words.emplace_back("--db");
  words.push_back(database_.string());
  child_ = start_command(words, log_of(database_));
}

void RunControl::stop() {
  const auto holder = storage::lock_holder(database_);
  // A run that was just started reads its data before it opens the database.
  const auto process = holder ? holder : child_;
  if (!process || ::kill(*process, SIGINT) != 0) {
    throw Error(Fault::usage,
                fmt::format("{}: nobody is writing to it, or it is another user's process",
                            database_.string()));
  }
}

std::string RunControl::take_ending() {
  int status = 0;
  if (!child_ || ::waitpid(*child_, &status, WNOHANG) != *child_) return "";
  child_.reset();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "the run is done";
  if (WIFEXITED(status) && WEXITSTATUS(status) == stopped_code) {
    return "the run has stopped; resume goes on where it was";
  }
  const auto text = end_of_file(log_of(database_), log_tail);
  return fmt::format("the run failed: {}", last_line(text));
}

}  // namespace trellis::gui

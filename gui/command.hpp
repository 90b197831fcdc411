/// Other programs, above all `trellis` itself: whatever they do, this process goes on.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::gui {

struct CommandOutput {
  std::string out;
  std::string error;
  std::optional<int> exit_code;  ///< nothing: killed, by a signal or because it was cancelled
};

/// Runs a program, whose path is the first word, to its end. `cancelled` is asked ten times a
/// second and ends it. Throws Error(missing) when it cannot be started.
CommandOutput run_command(const std::vector<std::string>& words,
                          const std::function<bool()>& cancelled);

/// Starts a program that may outlive this one: in a session of its own, so that no Ctrl-C meant for
/// this one reaches it, with what it prints in `log`, which is begun anew. Returns its process id,
/// to be waited for by the caller. Throws Error(missing) or Error(environment).
pid_t start_command(const std::vector<std::string>& words, const std::filesystem::path& log);

/// What follows the last line break but one at the end: a program's last word.
std::string_view last_line(std::string_view text);

}  // namespace trellis::gui

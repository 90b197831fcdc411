#include <unistd.h>

#include "experiments/commands/commands.hpp"
#include "experiments/environment.hpp"

namespace trellis::experiments {
namespace {

/// Becomes trellis-gui, which lies beside this program and knows the flags: only it is linked with
/// OpenGL.
[[noreturn]] void become_gui(std::vector<std::string> words) {
  const auto program = this_program().parent_path() / "trellis-gui";
  words.insert(words.begin(), program.string());
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execv(program.c_str(), pointers.data());
  throw Error(Fault::missing, program.string() +
                                  ": cannot be started; build or install the target trellis-gui "
                                  "beside trellis");
}

}  // namespace

void add_gui_command(CLI::App& app, CommandContext&) {
  auto* command = app.add_subcommand("gui", "Opens the dashboard of a database");
  // All that follows is trellis-gui's to read, --help too.
  command->prefix_command()->fallthrough(false);
  command->set_help_flag();
  command->callback([command] { become_gui(command->remaining()); });
}

}  // namespace trellis::experiments

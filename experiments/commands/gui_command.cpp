#include <unistd.h>

#include "experiments/commands/commands.hpp"
#include "experiments/environment.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;

struct GuiArguments {
  fs::path database;
  std::string link;
  bool light = false;
  fs::path png;
  std::string size;
  std::string scale;
};

/// The database in this folder that was written last.
fs::path newest_database() {
  fs::path newest;
  fs::file_time_type when{};
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(".", ignored)) {
    if (entry.path().extension() != ".db" || !entry.is_regular_file(ignored)) continue;
    const auto written = entry.last_write_time(ignored);
    if (!newest.empty() && written <= when) continue;
    newest = entry.path().filename();
    when = written;
  }
  if (newest.empty()) {
    throw Error(Fault::usage, "gui: there is no .db file in this folder; name a database");
  }
  return newest;
}

/// Becomes trellis-gui, which lies beside this program: only it is linked with OpenGL.
[[noreturn]] void become_gui(const GuiArguments& arguments) {
  const auto program = this_program().parent_path() / "trellis-gui";
  std::vector<std::string> words = {program.string(), arguments.database.empty()
                                                          ? newest_database().string()
                                                          : arguments.database.string()};
  const auto pass = [&](const char* flag, const std::string& value) {
    if (value.empty()) return;
    words.emplace_back(flag);
    words.push_back(value);
  };
  pass("--open", arguments.link);
  pass("--png", arguments.png.string());
  pass("--size", arguments.size);
  pass("--scale", arguments.scale);
  if (arguments.light) words.emplace_back("--light");
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
  const auto arguments = std::make_shared<GuiArguments>();
  auto* command = app.add_subcommand("gui", "Opens the dashboard of a database");
  command->add_option("database", arguments->database,
                      "The database; by default the .db file here that was written last");
  command->add_option("--open", arguments->link, "A view, as Ctrl+L copies it");
  command->add_flag("--light", arguments->light, "The light theme");
  command->add_option("--png", arguments->png,
                      "Writes the view as an image and ends; needs no display");
  command->add_option("--size", arguments->size, "Of that image, as 1400x880");
  command->add_option("--scale", arguments->scale, "Pixels a unit of that image, as 2");
  command->callback([arguments] { become_gui(*arguments); });
}

}  // namespace trellis::experiments

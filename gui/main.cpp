/// `trellis-gui [DATABASE] [--open LINK] [--light] [--rater NAME] [--png FILE [--size WxH] [--scale
/// S]]`: what `trellis gui` becomes. A program of its own, so that no other command loads OpenGL.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

#include "core/error.hpp"
#include "core/text/unicode.hpp"
#include "gui/config_check.hpp"
#include "gui/explanation.hpp"
#include "gui/offscreen.hpp"
#include "gui/shell.hpp"

namespace trellis::gui {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  fs::path database;
  std::string link;
  bool light = false;
  std::string rater;
  fs::path png;
  std::vector<int> size = {1400, 880};
  float scale = 1;
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

/// Who sits here, as the system has it.
std::string user_name() {
  const char* name = std::getenv("USER");
  return name != nullptr && !text::find_invalid_utf8(name) ? name : "";
}

/// Draws until everything that the view wishes for is there, then writes the last frame.
void save_view(const Arguments& arguments, Dashboard& dashboard, const TrellisCommands& commands) {
  SnapshotWorker worker(arguments.database, commands, [] {});
  Offscreen offscreen(dashboard, arguments.size[0], arguments.size[1], arguments.scale);
  int settled = 0;
  while (settled < 4) {
    const auto snapshot = worker.snapshot();
    if (!snapshot->problem.empty()) throw Error(Fault::bad_data, snapshot->problem);
    offscreen.frame(*snapshot);
    worker.set_wish(dashboard.wish(*snapshot));
    const bool compared =
        !snapshot->overview || snapshot->overview->experiments.empty() || snapshot->compared;
    const bool there = worker.snapshot() == snapshot && !snapshot->reading && compared;
    settled = there ? settled + 1 : 0;
    if (!there) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  write_png(offscreen.image(), arguments.png);
}

int run(int argc, char** argv) {
  CLI::App app("The dashboard of Trellis", "trellis gui");
  Arguments arguments;
  app.add_option("database", arguments.database,
                 "The database; by default the .db file here that was written last");
  app.add_option("--open", arguments.link, "A view, as Ctrl+L copies it");
  app.add_flag("--light", arguments.light, "The light theme");
  app.add_option("--rater", arguments.rater, "Who rates outputs; by default the name of the user");
  app.add_option("--png", arguments.png, "Write the view as an image and end; needs no display");
  app.add_option("--size", arguments.size, "Width and height of that image")
      ->delimiter('x')
      ->expected(2)
      ->check(CLI::Range(100, 8000));
  app.add_option("--scale", arguments.scale, "Pixels a unit of that image")
      ->check(CLI::Range(0.5, 4.0));
  try {
    app.parse(argc, argv);
    if (arguments.database.empty()) arguments.database = newest_database();
    Dashboard dashboard(arguments.link.empty() ? ViewState() : state_of(arguments.link),
                        !arguments.light, arguments.rater.empty() ? user_name() : arguments.rater);
    const auto here = fs::read_symlink("/proc/self/exe").parent_path();
    const auto program = here / "trellis";
    const TrellisCommands commands = {
        explain_with(program, arguments.database), forms_with(program),
        check_with(program, fs::absolute(arguments.database).parent_path())};
    if (!arguments.png.empty()) {
      save_view(arguments, dashboard, commands);
    } else {
      RunControl runs(program, arguments.database);
      run_window(arguments.database, dashboard, commands, runs);
    }
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return error.fault() == Fault::usage || error.fault() == Fault::missing ? 2 : 1;
  } catch (const std::exception& error) {
    std::cerr << "internal error: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace
}  // namespace trellis::gui

int main(int argc, char** argv) {
  return trellis::gui::run(argc, argv);
}

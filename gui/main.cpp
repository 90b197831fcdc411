/// `trellis-gui DATABASE [--open LINK] [--light] [--png FILE [--size WxH] [--scale S]]`: what
/// `trellis gui` starts. A program of its own, so that no other command loads OpenGL.
#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <thread>

#include "core/error.hpp"
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
  fs::path png;
  std::vector<int> size = {1400, 880};
  float scale = 1;
};

/// Draws until everything that the view wishes for is there, then writes the last frame.
void save_view(const Arguments& arguments, Dashboard& dashboard, const AttentionSource& attention) {
  SnapshotWorker worker(arguments.database, attention, [] {});
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
  app.add_option("database", arguments.database, "The database")->required();
  app.add_option("--open", arguments.link, "A view, as Ctrl+L copies it");
  app.add_flag("--light", arguments.light, "The light theme");
  app.add_option("--png", arguments.png, "Write the view as an image and end; needs no display");
  app.add_option("--size", arguments.size, "Width and height of that image")
      ->delimiter('x')
      ->expected(2)
      ->check(CLI::Range(100, 8000));
  app.add_option("--scale", arguments.scale, "Pixels a unit of that image")
      ->check(CLI::Range(0.5, 4.0));
  try {
    app.parse(argc, argv);
    Dashboard dashboard(arguments.link.empty() ? ViewState() : state_of(arguments.link),
                        !arguments.light);
    const auto here = fs::read_symlink("/proc/self/exe").parent_path();
    const auto attention = explain_with(here / "trellis", arguments.database);
    if (!arguments.png.empty()) {
      save_view(arguments, dashboard, attention);
    } else {
      run_window(arguments.database, dashboard, attention);
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

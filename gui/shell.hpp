/// The window: GLFW and OpenGL around a dashboard. Redraws when something happened, and sleeps
/// otherwise.
#pragma once

#include <filesystem>

#include "gui/dashboard.hpp"
#include "gui/run_control.hpp"
#include "gui/snapshot_worker.hpp"

namespace trellis::gui {

/// Runs until the window is closed. `database` is what is shown; files are saved beside it. Throws
/// Error(environment) where there is no display or no OpenGL 3.
void run_window(const std::filesystem::path& database, Dashboard& dashboard,
                const TrellisCommands& commands, RunControl& runs);

}  // namespace trellis::gui

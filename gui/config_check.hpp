/// Composed configs by way of `trellis` itself: what they may hold, and whether one is right.
#pragma once

#include <filesystem>
#include <functional>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// Asks `program plugins list --json`.
std::function<ConfigForms(const std::function<bool()>& cancelled)> forms_with(
    std::filesystem::path program);

/// Writes a draft into `folder`, under its experiment's name, and asks `program validate`. Files
/// that it did not write itself are never replaced: another name is taken.
std::function<CheckedDraft(const ConfigDraft& draft, const ConfigForms& forms,
                           const std::function<bool()>& cancelled)>
check_with(std::filesystem::path program, std::filesystem::path folder);

}  // namespace trellis::gui

/// Attention of one sample, from `trellis explain`: the model runs in a process of its own, as all
/// plugins do, so that a crash in it costs the picture and nothing else.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// Runs `program explain DATABASE --trial … --json` for each request.
std::function<Attention(const Wish& wish, const std::function<bool()>& cancelled)> explain_with(
    std::filesystem::path program, std::filesystem::path database);

/// What `trellis explain --json` writes. Throws Error(bad_data) when it is something else.
Attention attention_from(const nlohmann::json& json);

}  // namespace trellis::gui

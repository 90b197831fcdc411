/// Tokens one after another, each on its colour; one can be hovered and chosen.
#pragma once

#include <imgui.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "gui/theme.hpp"

namespace trellis::gui {

struct StripToken {
  std::string_view text;  ///< spaces and line feeds are shown as signs where nothing else is there
  ImU32 fill = 0;
};

struct StripAnswer {
  std::optional<std::size_t> hovered;
  std::optional<std::size_t> clicked;
};

/// `chosen` is framed; before token `parted` (if any) a bar stands: from there texts differ.
/// `placed` is told each token's rectangle (may be empty).
StripAnswer token_strip(const char* id, std::span<const StripToken> tokens,
                        std::optional<std::size_t> chosen, std::optional<std::size_t> parted,
                        const Theme& theme,
                        const std::function<void(std::size_t, const ImVec4&)>& placed = {});

}  // namespace trellis::gui

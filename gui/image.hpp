/// What ImGui draws as pixels, without a graphics card: for export as PNG and for tests.
#pragma once

#include <imgui.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace trellis::gui {

struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;  ///< [height, width, 4], red green blue alpha
};

/// Draws triangle after triangle as OpenGL would: pixel centres, the top-left rule, bilinear
/// samples of the font atlas (which must be the only texture), alpha blending over `background`.
/// `atlas` must hold its pixels still (it does until ClearTexData).
Image rasterize(const ImDrawData& data, ImFontAtlas& atlas, ImU32 background);

/// Throws Error(environment) when the file cannot be written.
void write_png(const Image& image, const std::filesystem::path& path);

}  // namespace trellis::gui

#include "gui/image.hpp"

#include <stb/stb_image_write.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/error.hpp"

namespace trellis::gui {
namespace {

using Colour = std::array<float, 4>;

Colour colour_of(ImU32 packed) {
  return {static_cast<float>(packed >> IM_COL32_R_SHIFT & 255U),
          static_cast<float>(packed >> IM_COL32_G_SHIFT & 255U),
          static_cast<float>(packed >> IM_COL32_B_SHIFT & 255U),
          static_cast<float>(packed >> IM_COL32_A_SHIFT & 255U)};
}

/// The font atlas: a share from 0 to 1 at any place.
struct Atlas {
  const unsigned char* alpha = nullptr;
  int width = 0;
  int height = 0;

  float at(int x, int y) const {
    x = std::clamp(x, 0, width - 1);
    y = std::clamp(y, 0, height - 1);
    return static_cast<float>(alpha[y * width + x]) / 255;
  }
  float sample(float u, float v) const {
    const float x = u * static_cast<float>(width) - 0.5F;
    const float y = v * static_cast<float>(height) - 0.5F;
    const float left = std::floor(x);
    const float top = std::floor(y);
    const auto i = static_cast<int>(left);
    const auto j = static_cast<int>(top);
    const float a = x - left;
    const float b = y - top;
    return (at(i, j) * (1 - a) + at(i + 1, j) * a) * (1 - b) +
           (at(i, j + 1) * (1 - a) + at(i + 1, j + 1) * a) * b;
  }
};

class Rasterizer {
 public:
  Rasterizer(Image& image, const Atlas& atlas, ImVec2 origin, ImVec2 scale)
      : image_(image), atlas_(atlas), origin_(origin), scale_(scale) {}

  /// Pixels from here on are drawn; in the image's pixels, high ends excluded.
  void clip(const ImVec4& rectangle) {
    left_ = bound((rectangle.x - origin_.x) * scale_.x, image_.width);
    top_ = bound((rectangle.y - origin_.y) * scale_.y, image_.height);
    right_ = bound((rectangle.z - origin_.x) * scale_.x, image_.width);
    bottom_ = bound((rectangle.w - origin_.y) * scale_.y, image_.height);
  }

  void triangle(ImDrawVert a, ImDrawVert b, ImDrawVert c) {
    for (auto* vertex : {&a, &b, &c}) {
      vertex->pos = {(vertex->pos.x - origin_.x) * scale_.x,
                     (vertex->pos.y - origin_.y) * scale_.y};
      // A coordinate that is no number would be an endless loop below.
      if (!std::isfinite(vertex->pos.x) || !std::isfinite(vertex->pos.y)) return;
    }
    double area = edge(a.pos, b.pos, c.pos.x, c.pos.y);
    if (area == 0) return;
    if (area < 0) {
      std::swap(b, c);
      area = -area;
    }
    const auto [low_x, high_x] = std::minmax({a.pos.x, b.pos.x, c.pos.x});
    const auto [low_y, high_y] = std::minmax({a.pos.y, b.pos.y, c.pos.y});
    const int first_x = std::max(left_, bound(low_x - 0.5F, image_.width));
    const int last_x = std::min(right_, bound(high_x + 1, image_.width));
    const int first_y = std::max(top_, bound(low_y - 0.5F, image_.height));
    const int last_y = std::min(bottom_, bound(high_y + 1, image_.height));
    const std::array<Colour, 3> colours = {colour_of(a.col), colour_of(b.col), colour_of(c.col)};
    for (int y = first_y; y < last_y; ++y) {
      for (int x = first_x; x < last_x; ++x) {
        const double px = x + 0.5;
        const double py = y + 0.5;
        const double wa = edge(b.pos, c.pos, px, py);
        const double wb = edge(c.pos, a.pos, px, py);
        const double wc = edge(a.pos, b.pos, px, py);
        if (!inside(wa, b.pos, c.pos) || !inside(wb, c.pos, a.pos) || !inside(wc, a.pos, b.pos)) {
          continue;
        }
        const std::array<float, 3> share = {static_cast<float>(wa / area),
                                            static_cast<float>(wb / area),
                                            static_cast<float>(wc / area)};
        const float u = share[0] * a.uv.x + share[1] * b.uv.x + share[2] * c.uv.x;
        const float v = share[0] * a.uv.y + share[1] * b.uv.y + share[2] * c.uv.y;
        blend(x, y, colours, share, atlas_.sample(u, v));
      }
    }
  }

 private:
  static int bound(float value, int most) {
    return static_cast<int>(std::clamp(value, 0.0F, static_cast<float>(most)));
  }

  /// Twice the signed area of (from, to, point): positive on the inner side.
  static double edge(const ImVec2& from, const ImVec2& to, double x, double y) {
    return (static_cast<double>(to.x) - from.x) * (y - from.y) -
           (static_cast<double>(to.y) - from.y) * (x - from.x);
  }

  /// A pixel on an edge belongs to the triangle whose top or left edge it is.
  static bool inside(double weight, const ImVec2& from, const ImVec2& to) {
    if (weight != 0) return weight > 0;
    return to.y < from.y || (to.y == from.y && to.x > from.x);
  }

  void blend(int x, int y, const std::array<Colour, 3>& colours, const std::array<float, 3>& share,
             float coverage) {
    auto* pixel =
        &image_.pixels[(static_cast<std::size_t>(y) * static_cast<std::size_t>(image_.width) +
                        static_cast<std::size_t>(x)) *
                       4];
    const auto mix = [&](std::size_t channel) {
      return share[0] * colours[0][channel] + share[1] * colours[1][channel] +
             share[2] * colours[2][channel];
    };
    const float alpha = mix(3) / 255 * coverage;
    if (alpha <= 0) return;
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const float value = mix(channel) * alpha + static_cast<float>(pixel[channel]) * (1 - alpha);
      pixel[channel] = static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
    }
  }

  Image& image_;
  const Atlas& atlas_;
  ImVec2 origin_, scale_;
  int left_ = 0, top_ = 0, right_ = 0, bottom_ = 0;
};

}  // namespace

Image rasterize(const ImDrawData& data, ImFontAtlas& atlas, ImU32 background) {
  Image image;
  image.width = static_cast<int>(data.DisplaySize.x * data.FramebufferScale.x);
  image.height = static_cast<int>(data.DisplaySize.y * data.FramebufferScale.y);
  image.pixels.resize(static_cast<std::size_t>(image.width) *
                      static_cast<std::size_t>(image.height) * 4);
  const auto ground = colour_of(background);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = i % 4 == 3 ? 255 : static_cast<std::uint8_t>(ground[i % 4]);
  }
  unsigned char* alpha = nullptr;
  Atlas font;
  atlas.GetTexDataAsAlpha8(&alpha, &font.width, &font.height);
  font.alpha = alpha;
  Rasterizer rasterizer(image, font, data.DisplayPos, data.FramebufferScale);
  for (int i = 0; i < data.CmdListsCount; ++i) {
    const auto& list = *data.CmdLists[i];
    for (const auto& command : list.CmdBuffer) {
      if (command.UserCallback != nullptr) continue;
      rasterizer.clip(command.ClipRect);
      const auto* indices = list.IdxBuffer.Data + command.IdxOffset;
      const auto* vertices = list.VtxBuffer.Data + command.VtxOffset;
      for (unsigned int at = 0; at + 2 < command.ElemCount; at += 3) {
        rasterizer.triangle(vertices[indices[at]], vertices[indices[at + 1]],
                            vertices[indices[at + 2]]);
      }
    }
  }
  return image;
}

void write_png(const Image& image, const std::filesystem::path& path) {
  const int written = stbi_write_png(path.c_str(), image.width, image.height, 4,
                                     image.pixels.data(), image.width * 4);
  if (written == 0) {
    throw Error(Fault::environment,
                path.string() + ": cannot be written; name a place with room and permission");
  }
}

}  // namespace trellis::gui

#include "gui/theme.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace trellis::gui {
namespace {

constexpr ImU32 rgb(unsigned value) {
  return IM_COL32(value >> 16U & 255U, value >> 8U & 255U, value & 255U, 255U);
}

ImVec4 vector_of(ImU32 colour) {
  return ImGui::ColorConvertU32ToFloat4(colour);
}

}  // namespace

Theme make_theme(bool dark) {
  Theme theme;
  theme.dark = dark;
  theme.text = dark ? rgb(0xE6E8EB) : rgb(0x1B1F24);
  theme.faint = dark ? rgb(0x98A1AD) : rgb(0x59626D);
  theme.accent = dark ? rgb(0x56B4E9) : rgb(0x0072B2);
  theme.good = dark ? rgb(0x2CC295) : rgb(0x007A59);
  theme.bad = dark ? rgb(0xF0813F) : rgb(0xB94A00);
  theme.warning = dark ? rgb(0xE69F00) : rgb(0x9A6A00);
  theme.panel = dark ? rgb(0x16191E) : rgb(0xFFFFFF);
  theme.grid = dark ? rgb(0x2B3139) : rgb(0xE3E7EB);
  return theme;
}

void apply_theme(const Theme& theme, float font_size) {
  auto& style = ImGui::GetStyle();
  style = ImGuiStyle();
  const float unit = font_size / 16;
  style.WindowPadding = {10 * unit, 8 * unit};
  style.FramePadding = {7 * unit, 3 * unit};
  style.ItemSpacing = {8 * unit, 5 * unit};
  style.ItemInnerSpacing = {5 * unit, 4 * unit};
  style.CellPadding = {6 * unit, 3 * unit};
  style.ScrollbarSize = 12 * unit;
  style.GrabMinSize = 10 * unit;
  style.IndentSpacing = 18 * unit;
  style.WindowRounding = 0;
  style.ChildRounding = style.FrameRounding = style.PopupRounding = style.GrabRounding = 4 * unit;
  style.ScrollbarRounding = 6 * unit;
  style.WindowBorderSize = 0;
  style.FrameBorderSize = theme.dark ? 0 : 1;
  style.PopupBorderSize = style.ChildBorderSize = std::max(1.0F, std::floor(unit));

  if (theme.dark) {
    ImGui::StyleColorsDark();
  } else {
    ImGui::StyleColorsLight();
  }
  const auto background = theme.dark ? rgb(0x1B1F25) : rgb(0xF6F8FA);
  const auto raised = theme.dark ? rgb(0x2A3038) : rgb(0xE9EDF1);
  auto* colours = style.Colors;
  const auto set = [&](ImGuiCol which, ImU32 colour) { colours[which] = vector_of(colour); };
  set(ImGuiCol_Text, theme.text);
  set(ImGuiCol_TextDisabled, theme.faint);
  set(ImGuiCol_WindowBg, background);
  set(ImGuiCol_ChildBg, with_alpha(background, 0));
  set(ImGuiCol_PopupBg, theme.dark ? rgb(0x23282F) : rgb(0xFFFFFF));
  set(ImGuiCol_Border, theme.dark ? rgb(0x3A424C) : rgb(0xCBD2D9));
  set(ImGuiCol_FrameBg, theme.dark ? rgb(0x262C34) : rgb(0xFFFFFF));
  set(ImGuiCol_FrameBgHovered, raised);
  set(ImGuiCol_FrameBgActive, raised);
  set(ImGuiCol_Button, raised);
  set(ImGuiCol_ButtonHovered, with_alpha(theme.accent, 0.35F));
  set(ImGuiCol_ButtonActive, with_alpha(theme.accent, 0.55F));
  set(ImGuiCol_Header, with_alpha(theme.accent, 0.25F));
  set(ImGuiCol_HeaderHovered, with_alpha(theme.accent, 0.18F));
  set(ImGuiCol_HeaderActive, with_alpha(theme.accent, 0.4F));
  set(ImGuiCol_Tab, raised);
  set(ImGuiCol_TabHovered, with_alpha(theme.accent, 0.35F));
  set(ImGuiCol_TabActive, with_alpha(theme.accent, 0.3F));
  set(ImGuiCol_CheckMark, theme.accent);
  set(ImGuiCol_SliderGrab, theme.accent);
  set(ImGuiCol_SliderGrabActive, theme.accent);
  set(ImGuiCol_TableHeaderBg, raised);
  set(ImGuiCol_TableBorderLight, theme.grid);
  set(ImGuiCol_TableBorderStrong, theme.grid);
  set(ImGuiCol_TableRowBgAlt, with_alpha(theme.text, 0.025F));
  set(ImGuiCol_Separator, theme.grid);
  set(ImGuiCol_PlotHistogram, theme.accent);
  set(ImGuiCol_NavHighlight, theme.accent);
  set(ImGuiCol_TextSelectedBg, with_alpha(theme.accent, 0.35F));
}

ImU32 series_colour(const Theme& theme, std::size_t series) {
  static constexpr std::array<ImU32, 7> on_dark = {rgb(0x56B4E9), rgb(0xE69F00), rgb(0x2CC295),
                                                   rgb(0xCC79A7), rgb(0xF0813F), rgb(0xF0E442),
                                                   rgb(0xA9B1BA)};
  static constexpr std::array<ImU32, 7> on_light = {rgb(0x0072B2), rgb(0xE69F00), rgb(0x009E73),
                                                    rgb(0xCC79A7), rgb(0xD55E00), rgb(0x56B4E9),
                                                    rgb(0x3C434B)};
  return (theme.dark ? on_dark : on_light)[series % on_dark.size()];
}

ImU32 mixed(ImU32 from, ImU32 to, float share) {
  const auto a = vector_of(from);
  const auto b = vector_of(to);
  const float t = std::clamp(share, 0.0F, 1.0F);
  return ImGui::ColorConvertFloat4ToU32(
      {a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, a.z + (b.z - a.z) * t, a.w + (b.w - a.w) * t});
}

ImU32 with_alpha(ImU32 colour, float alpha) {
  return (colour & ~IM_COL32_A_MASK) |
         static_cast<ImU32>(std::lround(std::clamp(alpha, 0.0F, 1.0F) * 255)) << IM_COL32_A_SHIFT;
}

ImU32 readable_on(ImU32 colour) {
  const auto value = vector_of(colour);
  // Relative luminance as in WCAG 2, with a square for its curve.
  const float luminance =
      0.2126F * value.x * value.x + 0.7152F * value.y * value.y + 0.0722F * value.z * value.z;
  return luminance > 0.2F ? IM_COL32(15, 18, 22, 255) : IM_COL32(245, 247, 250, 255);
}

}  // namespace trellis::gui

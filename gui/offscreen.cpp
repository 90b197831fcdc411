#include "gui/offscreen.hpp"

#include <string>

namespace trellis::gui {

constexpr float base_font_size = 16;

Offscreen::Offscreen(Dashboard& dashboard, int width, int height, float scale)
    : dashboard_(dashboard), font_size_(base_font_size * scale) {
  IMGUI_CHECKVERSION();
  context_ = ImGui::CreateContext();
  ImGui::SetCurrentContext(context_);
  auto& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.LogFilename = nullptr;
  io.DisplaySize = {static_cast<float>(width) * scale, static_cast<float>(height) * scale};
  io.DeltaTime = 1.0F / 60;
  io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;
  // Nobody is there to see a cursor blink, and images must not depend on when they are taken.
  io.ConfigInputTextCursorBlink = false;
  for (int key = 0; key < ImGuiKey_COUNT; ++key) io.KeyMap[key] = key_of(key);
  for (const auto& [key, letter] :
       {std::pair(ImGuiKey_A, 'A'), std::pair(ImGuiKey_C, 'C'), std::pair(ImGuiKey_V, 'V'),
        std::pair(ImGuiKey_X, 'X'), std::pair(ImGuiKey_Y, 'Y'), std::pair(ImGuiKey_Z, 'Z')}) {
    io.KeyMap[key] = letter;
  }
  io.MousePos = {-1, -1};
  io.ClipboardUserData = &clipboard_;
  io.SetClipboardTextFn = [](void* data, const char* text) {
    *static_cast<std::string*>(data) = text;
  };
  io.GetClipboardTextFn = [](void* data) { return static_cast<const std::string*>(data)->c_str(); };
  dashboard_.set_font_size(font_size_);
}

Offscreen::~Offscreen() {
  ImGui::DestroyContext(context_);
}

void Offscreen::frame(const Snapshot& snapshot, std::string* texts) {
  auto& io = ImGui::GetIO();
  if (!io.Fonts->IsBuilt() || snapshot.characters != characters_) {
    characters_ = snapshot.characters;
    fonts_.build(*io.Fonts, font_size_, characters_ ? *characters_ : CharacterSet());
    unsigned char* pixels = nullptr;
    int width = 0;
    int height = 0;
    io.Fonts->GetTexDataAsAlpha8(&pixels, &width, &height);
    io.Fonts->SetTexID(nullptr);
  }
  ImGui::NewFrame();
  // ImGui writes to the clipboard when the window that is logged ends.
  if (texts != nullptr) ImGui::LogToClipboard();
  dashboard_.draw(snapshot);
  if (texts != nullptr) *texts = clipboard_;
  ImGui::Render();
  io.MouseWheel = 0;
}

Image Offscreen::image() const {
  const auto background = ImGui::GetColorU32(ImGuiCol_WindowBg);
  return rasterize(*ImGui::GetDrawData(), *ImGui::GetIO().Fonts, background);
}

void Offscreen::move_mouse(float x, float y) {
  ImGui::GetIO().MousePos = {x, y};
}

void Offscreen::set_button(bool down) {
  ImGui::GetIO().MouseDown[0] = down;
}

void Offscreen::scroll(float wheel) {
  ImGui::GetIO().MouseWheel = wheel;
}

void Offscreen::set_key(int key, bool down) {
  ImGui::GetIO().KeysDown[key] = down;
}

void Offscreen::set_modifiers(bool ctrl, bool shift, bool alt) {
  auto& io = ImGui::GetIO();
  io.KeyCtrl = ctrl;
  io.KeyShift = shift;
  io.KeyAlt = alt;
}

void Offscreen::type(std::string_view text) {
  ImGui::GetIO().AddInputCharactersUTF8(std::string(text).c_str());
}

}  // namespace trellis::gui

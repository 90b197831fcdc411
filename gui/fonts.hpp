/// The font atlas: Latin, Chinese and symbols from Debian's Noto packages, with the glyphs that are
/// shown and no others.
#pragma once

#include <imgui.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// Reads font files once and fills atlases from them. One thread.
class Fonts {
 public:
  /// `folder`: where Debian's packages put fonts; TRELLIS_FONTS overrides it in the program.
  explicit Fonts(std::filesystem::path folder = "/usr/share/fonts");

  /// Clears the atlas and fills it with glyphs for `characters` (and ASCII) at `pixels` a line.
  /// Not between NewFrame and Render. The first font is proportional, the second monospaced.
  void build(ImFontAtlas& atlas, float pixels, const CharacterSet& characters);

  /// Says in one line which package is missing; empty when none is.
  const std::string& problem() const { return problem_; }

 private:
  struct File {
    std::string path;
    std::vector<char> bytes;
    bool tried = false;
  };
  bool add(ImFontAtlas& atlas, File& file, float pixels, const CharacterSet& characters, bool merge,
           int number);

  std::filesystem::path folder_;
  std::vector<File> files_;
  /// Glyph ranges as ImGui reads them while it builds.
  std::vector<std::unique_ptr<std::vector<ImWchar>>> ranges_;
  std::string problem_;
};

/// The text as the current font can draw it, in one line or several: what has no glyph becomes a
/// chip such as "[U+1F600]", control characters become visible signs. Returns `text` itself where
/// nothing has to change; `buffer` holds the result otherwise.
std::string_view drawable(std::string_view text, std::string& buffer, bool one_line);

}  // namespace trellis::gui

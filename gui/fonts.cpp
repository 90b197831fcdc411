#include "gui/fonts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "gui/snapshot_reader.hpp"

namespace trellis::gui {
namespace {

/// In the order in which they are asked for a glyph.
struct FontFile {
  const char* path;
  const char* package;
  int number;  ///< of the face in a collection
};
constexpr std::array<FontFile, 9> font_files = {{
    {"truetype/noto/NotoSans-Regular.ttf", "fonts-noto-core", 0},
    {"opentype/noto/NotoSansCJK-Regular.ttc", "fonts-noto-cjk", 2},  // simplified Chinese
    {"truetype/noto/NotoSansMath-Regular.ttf", "fonts-noto-core", 0},
    {"truetype/noto/NotoSansSymbols-Regular.ttf", "fonts-noto-core", 0},
    {"truetype/noto/NotoSansSymbols2-Regular.ttf", "fonts-noto-core", 0},
    {"truetype/noto/NotoSansHebrew-Regular.ttf", "fonts-noto-core", 0},
    {"truetype/noto/NotoSansArabic-Regular.ttf", "fonts-noto-core", 0},
    {"truetype/noto/NotoSansDevanagari-Regular.ttf", "fonts-noto-core", 0},
    {"truetype/noto/NotoSansMono-Regular.ttf", "fonts-noto-mono", 0},
}};
constexpr std::size_t proportional = 0;
constexpr std::size_t monospaced = font_files.size() - 1;

/// What the dashboard itself says, besides ASCII.
constexpr std::string_view own_texts = "±×–—…·→←↑↓Δσ≤≥≠∅⏎¶▲▼●○◆■✓✗−“”’";

std::vector<char> contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  std::vector<char> bytes(static_cast<std::size_t>(std::max<std::streamoff>(file.tellg(), 0)));
  file.seekg(0);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file) bytes.clear();
  return bytes;
}

/// ImGui's form: first and last of each run, then zero.
std::vector<ImWchar> ranges_of(const CharacterSet& characters) {
  std::vector<ImWchar> ranges;
  for (std::uint32_t c = 1; c < 0x10000; ++c) {
    if (!characters.test(c)) continue;
    const auto first = c;
    while (c + 1 < 0x10000 && characters.test(c + 1)) ++c;
    ranges.push_back(static_cast<ImWchar>(first));
    ranges.push_back(static_cast<ImWchar>(c));
  }
  ranges.push_back(0);
  return ranges;
}

}  // namespace

Fonts::Fonts(std::filesystem::path folder) : folder_(std::move(folder)) {
  for (const auto& file : font_files) files_.push_back({(folder_ / file.path).string(), {}, false});
}

bool Fonts::add(ImFontAtlas& atlas, File& file, float pixels, const CharacterSet& characters,
                bool merge, int number) {
  if (!file.tried) {
    file.tried = true;
    file.bytes = contents(file.path);
  }
  if (file.bytes.empty()) return false;
  auto& ranges =
      ranges_.emplace_back(std::make_unique<std::vector<ImWchar>>(ranges_of(characters)));
  ImFontConfig config;
  config.FontDataOwnedByAtlas = false;
  config.FontNo = number;
  config.MergeMode = merge;
  config.OversampleH = 2;
  config.OversampleV = 1;
  config.PixelSnapH = true;
  atlas.AddFontFromMemoryTTF(file.bytes.data(), static_cast<int>(file.bytes.size()), pixels,
                             &config, ranges->data());
  return true;
}

void Fonts::build(ImFontAtlas& atlas, float pixels, const CharacterSet& characters) {
  atlas.Clear();
  ranges_.clear();
  problem_.clear();
  CharacterSet wanted = characters;
  for (std::uint32_t c = 0x20; c < 0x7F; ++c) wanted.set(c);
  wanted.set(0xFFFD);
  add_characters(own_texts, wanted);
  // Control characters are drawn as signs, never as glyphs.
  for (std::uint32_t c = 0; c < 0x20; ++c) wanted.reset(c);

  if (!add(atlas, files_[proportional], pixels, wanted, false, 0)) {
    ImFontConfig config;
    config.SizePixels = pixels;
    atlas.AddFontDefault(&config);
    problem_ = "fonts-noto-core is not installed: only Latin letters can be shown";
  }
  CharacterSet others = wanted;
  for (std::uint32_t c = 0; c < 0x250; ++c) others.reset(c);
  if (others.any()) {
    for (std::size_t i = 1; i < monospaced; ++i) {
      if (!add(atlas, files_[i], pixels, others, true, font_files[i].number) && problem_.empty()) {
        problem_ = std::string(font_files[i].package) + " is not installed: some letters are boxes";
      }
    }
  }
  CharacterSet latin;
  for (std::uint32_t c = 0x20; c < 0x250; ++c) latin.set(c);
  if (!add(atlas, files_[monospaced], pixels, latin, false, 0)) {
    ImFontConfig config;
    config.SizePixels = pixels;
    atlas.AddFontDefault(&config);
  }
  atlas.Build();
}

std::string_view drawable(std::string_view text, std::string& buffer, bool one_line) {
  const auto is_plain = [&](unsigned char byte) {
    return byte >= 0x20 ? byte < 0x7F : byte == '\n' && !one_line;
  };
  if (std::ranges::all_of(text, is_plain)) return text;
  const ImFont* font = ImGui::GetFont();
  buffer.clear();
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t size = std::min<std::size_t>(lead < 0x80   ? 1
                                                   : lead < 0xE0 ? 2
                                                   : lead < 0xF0 ? 3
                                                                 : 4,
                                                   text.size() - at);
    std::uint32_t value = size == 1 ? lead : lead & (0x7FU >> size);
    for (std::size_t i = 1; i < size; ++i) {
      value = value << 6U | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
    }
    if (value == '\n') {
      buffer += one_line ? "⏎" : "\n";
    } else if (value < 0x20 || value == 0x7F) {
      buffer += fmt::format("[{:02X}]", value);
    } else if (value > 0xFFFF ||
               font->FindGlyphNoFallback(static_cast<ImWchar>(value)) == nullptr) {
      buffer += fmt::format("[U+{:04X}]", value);
    } else {
      buffer.append(text.substr(at, size));
    }
    at += size;
  }
  return buffer;
}

}  // namespace trellis::gui

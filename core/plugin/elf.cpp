#include "core/plugin/elf.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace trellis::plugin {
namespace {

class Image {
 public:
  explicit Image(const std::filesystem::path& path)
      : path_(path), stream_(path, std::ios::binary), size_(std::filesystem::file_size(path)) {}

  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(Fault::plugin,
                fmt::format("{}: not a whole shared library ({}): build or copy it again",
                            path_.string(), why));
  }

  void require(std::uint64_t offset, std::uint64_t size) const {
    if (offset > size_ || size > size_ - offset) refuse("it ends early");
  }

  std::string part(std::uint64_t offset, std::uint64_t size) {
    require(offset, size);
    std::string bytes(size, '\0');
    stream_.seekg(static_cast<std::streamoff>(offset));
    if (!stream_.read(bytes.data(), static_cast<std::streamsize>(size))) refuse("cannot be read");
    return bytes;
  }

 private:
  std::filesystem::path path_;
  std::ifstream stream_;
  std::uint64_t size_;
};

// Copied, as nothing in a file need be aligned.
template <typename Record>
Record record(std::string_view bytes, std::uint64_t index) {
  Record copy;
  std::memcpy(&copy, bytes.data() + index * sizeof copy, sizeof copy);
  return copy;
}

std::vector<Elf64_Shdr> read_sections(Image& image) {
  const auto start = image.part(0, sizeof(Elf64_Ehdr));
  if (!start.starts_with(ELFMAG)) image.refuse("no ELF file");
  const auto header = record<Elf64_Ehdr>(start, 0);
  const auto order = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != order ||
      header.e_type != ET_DYN || header.e_shentsize != sizeof(Elf64_Shdr)) {
    image.refuse("built for another kind of machine, or no library");
  }
  const auto table = image.part(header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr));
  std::vector<Elf64_Shdr> sections;
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    sections.push_back(record<Elf64_Shdr>(table, i));
    const auto& section = sections.back();
    if (section.sh_type != SHT_NOBITS) image.require(section.sh_offset, section.sh_size);
  }
  return sections;
}

}  // namespace

bool exports_symbol(const std::filesystem::path& path, std::string_view name) {
  Image image(path);
  const auto sections = read_sections(image);
  for (const auto& section : sections) {
    if (section.sh_type != SHT_DYNSYM) continue;
    if (section.sh_link >= sections.size()) image.refuse("its symbols have no names");
    const auto& strings = sections[section.sh_link];
    const auto names = image.part(strings.sh_offset, strings.sh_size);
    const auto symbols = image.part(section.sh_offset, section.sh_size);
    for (std::uint64_t i = 0; i < symbols.size() / sizeof(Elf64_Sym); ++i) {
      const auto symbol = record<Elf64_Sym>(symbols, i);
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= names.size()) continue;
      const auto rest = std::string_view(names).substr(symbol.st_name);
      if (rest.substr(0, rest.find('\0')) == name) return true;
    }
  }
  return false;
}

}  // namespace trellis::plugin

#include "core/text/published_tokenizer.hpp"

#include <fstream>
#include <sstream>

#include "core/error.hpp"

namespace trellis::text {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  if (!file || std::filesystem::is_directory(path)) {
    throw Error(Fault::missing,
                path.string() + ": cannot be opened: no such file or no permission");
  }
  contents << file.rdbuf();
  return std::move(contents).str();
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path) {
  const bool folder = std::filesystem::is_directory(path);
  const std::filesystem::path file = folder ? path / "tokenizer.json" : path;
  if (folder && !std::filesystem::exists(file))
    throw Error(Fault::missing, path.string() + ": holds no tokenizer.json");
  try {
    return read_huggingface_tokenizer(read_file(file));
  } catch (const Error& error) {
    if (error.fault() != Fault::bad_data) throw;
    throw Error(Fault::bad_data, file.string() + ": " + error.what());
  }
}

}  // namespace trellis::text

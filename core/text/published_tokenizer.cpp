#include "core/text/published_tokenizer.hpp"

#include "core/error.hpp"
#include "core/text/lines.hpp"

namespace trellis::text {

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path) {
  const bool folder = std::filesystem::is_directory(path);
  const std::filesystem::path file = folder ? path / "tokenizer.json" : path;
  if (folder && !std::filesystem::exists(file))
    throw Error(Fault::missing, path.string() + ": holds no tokenizer.json");
  const std::string contents = read_text(file);
  try {
    return read_huggingface_tokenizer(contents);
  } catch (const Error& error) {
    if (error.fault() != Fault::bad_data) throw;
    throw Error(Fault::bad_data, file.string() + ": " + error.what());
  }
}

}  // namespace trellis::text

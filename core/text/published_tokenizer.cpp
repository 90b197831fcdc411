#include "core/text/published_tokenizer.hpp"

#include "core/error.hpp"
#include "core/text/lines.hpp"
#include "core/text/sentencepiece_tokenizer.hpp"

namespace trellis::text {
namespace {

// Messages of damaged contents begin with the file or folder.
template <typename Read>
std::unique_ptr<Tokenizer> named(const std::filesystem::path& path, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    if (error.fault() != Fault::bad_data) throw;
    throw Error(Fault::bad_data, path.string() + ": " + error.what());
  }
}

std::unique_ptr<Tokenizer> load_file(const std::filesystem::path& path) {
  if (path.extension() != ".json")
    return named(path, [&] { return make_sentencepiece_tokenizer({.model = read_bytes(path)}); });
  const std::string contents = read_text(path);
  return named(path, [&] { return read_huggingface_tokenizer(contents); });
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return load_file(path);
  const std::filesystem::path file = path / "tokenizer.json";
  if (std::filesystem::exists(file)) return load_file(file);
  auto files = find_sentencepiece_files(path);
  if (!files) {
    throw Error(Fault::missing, path.string() +
                                    ": holds no tokenizer.json and no SentencePiece model "
                                    "(spiece.model, tokenizer.model, or source.spm with target.spm "
                                    "and vocab.json)");
  }
  return named(path, [&] { return make_sentencepiece_tokenizer(std::move(*files)); });
}

}  // namespace trellis::text

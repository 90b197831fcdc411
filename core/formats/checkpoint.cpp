#include "core/formats/checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>
#include <utility>

#include "core/formats/gguf.hpp"
#include "core/formats/safetensors.hpp"
#include "core/formats/streamed_hash.hpp"

namespace trellis::formats {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHashedAtOnce = std::size_t{1} << 20U;  // bytes that are in memory meanwhile
constexpr std::uint64_t kLongestJson = 64'000'000;  // bytes; an index of a model is far shorter

nlohmann::json read_json(const fs::path& path) {
  const MappedFile file(path);
  if (file.bytes().size() > kLongestJson)
    throw Error(Fault::bad_data, fmt::format("{}: has {} bytes, more than any such file",
                                             path.string(), file.bytes().size()));
  const auto* begin = reinterpret_cast<const char*>(file.bytes().data());
  nlohmann::json json = nlohmann::json::parse(begin, begin + file.bytes().size(), nullptr, false);
  if (!json.is_object())
    throw Error(Fault::bad_data, path.string() + ": is not a JSON object; fetch the model anew");
  return json;
}

void add_shard(const fs::path& path, Checkpoint& checkpoint) {
  SafetensorsFile shard = read_safetensors(path);
  for (auto& [name, tensor] : shard.tensors) {
    if (!checkpoint.tensors.emplace(name, std::move(tensor)).second)
      throw Error(Fault::bad_data, path.string() + ": tensor \"" + name +
                                       "\" is in another shard too; fetch the model anew");
  }
  checkpoint.files.push_back(std::move(shard.file));
}

// {"weight_map": {tensor: file beside the index}}
void add_shards(const fs::path& index, Checkpoint& checkpoint) {
  const nlohmann::json json = read_json(index);
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object())
    throw Error(Fault::bad_data, index.string() + ": has no weight_map; fetch the model anew");
  std::set<std::string> names;
  for (const auto& [tensor, file] : map->items()) {
    // Nothing but a file of this folder, whatever the index says.
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (fs::path(name).filename().string() != name || !name.ends_with(".safetensors"))
      throw Error(Fault::bad_data, index.string() + ": tensor \"" + tensor +
                                       "\" has no name of a .safetensors file beside it");
    names.insert(name);
  }
  for (const std::string& name : names) add_shard(checkpoint.path / name, checkpoint);
  std::vector<std::string> absent;
  for (const auto& [tensor, file] : map->items())
    if (!checkpoint.tensors.contains(tensor)) absent.push_back(tensor);
  if (!absent.empty())
    throw Error(Fault::bad_data,
                fmt::format("{}: names {} that no shard holds; fetch the model anew",
                            index.string(), fmt::join(absent, ", ")));
}

}  // namespace

bool is_checkpoint(const fs::path& path) {
  return fs::is_regular_file(path) || fs::exists(path / "config.json");
}

std::string checkpoint_type(const fs::path& path) {
  if (fs::is_regular_file(path)) return gguf_type(path);
  const fs::path config = path / "config.json";
  const nlohmann::json json = read_json(config);
  return ConfigReader(json, config).text({"model_type"});
}

Checkpoint open_checkpoint(const fs::path& path) {
  if (fs::is_regular_file(path)) return open_gguf(path);
  Checkpoint checkpoint;
  checkpoint.path = path;
  checkpoint.config_path = path / "config.json";
  checkpoint.config = read_json(checkpoint.config_path);
  const fs::path generation = path / "generation_config.json";
  if (fs::exists(generation)) checkpoint.config["generation"] = read_json(generation);
  const fs::path whole = path / "model.safetensors";
  const fs::path index = path / "model.safetensors.index.json";
  if (fs::exists(whole)) {
    add_shard(whole, checkpoint);
  } else if (fs::exists(index)) {
    add_shards(index, checkpoint);
  } else {
    throw Error(Fault::missing, path.string() +
                                    ": holds neither model.safetensors nor "
                                    "model.safetensors.index.json; other formats of weights, such "
                                    "as pytorch_model.bin, are not read");
  }
  return checkpoint;
}

std::string tensor_hash(const Checkpoint& checkpoint) {
  StreamedHash hash;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    hash.add(name.c_str(), name.size() + 1);
    StoredTensor part = tensor;
    for (std::size_t begin = 0; begin < tensor.bytes.size(); begin += kHashedAtOnce) {
      part.bytes =
          tensor.bytes.subspan(begin, std::min(kHashedAtOnce, tensor.bytes.size() - begin));
      hash.add(part.bytes.data(), part.bytes.size());
      release(checkpoint, part);
    }
  }
  return hash.text();
}

void release(const Checkpoint& checkpoint, const StoredTensor& tensor) {
  for (const auto& file : checkpoint.files) {
    const auto all = file->bytes();
    const std::less_equal<> before;
    if (before(all.data(), tensor.bytes.data()) &&
        before(tensor.bytes.data() + tensor.bytes.size(), all.data() + all.size()))
      file->release(tensor.bytes);
  }
}

}  // namespace trellis::formats

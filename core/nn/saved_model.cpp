#include "core/nn/saved_model.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <array>
#include <fstream>

#include "core/error.hpp"

namespace trellis::nn {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFormat = 1;
const char* const kModelFile = "model.json";

void remove_other_weights(const fs::path& folder, const std::string& keep) {
  std::error_code ignored;  // a leftover file does no harm
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("weights-") && name.ends_with(".safetensors") && name != keep)
      fs::remove(entry.path(), ignored);
  }
}

json to_json(const SavedModel& saved) {
  json file = {{"format", kFormat},
               {"model", saved.model},
               {"settings", saved.settings},
               {"weights", saved.weights.filename().string()},
               {"weights_hash", saved.weights_hash}};
  if (!saved.tokenizer.is_null()) file["tokenizer"] = saved.tokenizer;
  if (!saved.published.is_null()) file["published"] = saved.published;
  if (saved.trained_parameters > 0) file["trained_parameters"] = saved.trained_parameters;
  if (saved.base)
    file["base"] = {{"path", saved.base->path.string()},
                    {"weights_hash", saved.base->weights_hash}};
  return file;
}

}  // namespace

SavedModel read_saved_model(const std::string& id, const fs::path& folder) {
  const fs::path path = folder / kModelFile;
  std::ifstream file(path);
  if (!file)
    throw Error(Fault::missing,
                path.string() + ": cannot be opened; give the folder of a trained model");
  const json read = json::parse(file, nullptr, false);
  if (!read.is_object() || read.value("format", json()) != kFormat)
    throw Error(Fault::bad_data, fmt::format("{}: is not a model file of format {}; train the "
                                             "model again",
                                             path.string(), kFormat));
  SavedModel saved;
  saved.folder = folder;
  if (const json model = read.value("model", json()); model.is_string()) saved.model = model;
  if (saved.model != id || !read.contains("settings"))
    throw Error(Fault::bad_data,
                fmt::format("{}: holds a model of the plugin \"{}\", not of \"{}\"", path.string(),
                            saved.model, id));
  try {
    saved.settings = read.at("settings");
    saved.published = read.value("published", json());
    saved.tokenizer = read.value("tokenizer", json());
    saved.trained_parameters = read.value("trained_parameters", std::uint64_t{0});
    saved.weights = folder / read.at("weights").get<std::string>();
    saved.weights_hash = read.at("weights_hash").get<std::string>();
    if (const auto base = read.find("base"); base != read.end())
      saved.base = TuningBase{base->at("path").get<std::string>(),
                              base->at("weights_hash").get<std::string>()};
  } catch (const json::exception& exception) {
    throw Error(Fault::bad_data,
                fmt::format("{}: {}; train the model again", path.string(), exception.what()));
  }
  return saved;
}

formats::SafetensorsFile read_saved_weights(const SavedModel& saved) {
  formats::SafetensorsFile file = formats::read_safetensors(saved.weights);
  if (formats::tensor_hash(file) != saved.weights_hash)
    throw Error(Fault::bad_data,
                saved.weights.string() +
                    ": its contents changed since it was written; train the model again");
  return file;
}

void write_saved_model(SavedModel& saved, std::span<const formats::TensorToWrite> tensors) {
  std::error_code failure;
  fs::create_directories(saved.folder, failure);
  if (failure)
    throw Error(Fault::environment,
                saved.folder.string() + ": cannot be made: " + failure.message());
  // The name needs the hash before the file is written, and writing gives it: so write, then name.
  const fs::path unnamed = saved.folder / "weights.safetensors";
  saved.weights_hash = formats::write_safetensors(unnamed, tensors, {{"model", saved.model}});
  saved.weights = saved.folder / fmt::format("weights-{}.safetensors", saved.weights_hash);
  fs::rename(unnamed, saved.weights);
  const std::string text = to_json(saved).dump(1) + "\n";
  formats::write_atomically(saved.folder / kModelFile, std::array<std::string_view, 1>{text});
  remove_other_weights(saved.folder, saved.weights.filename().string());
}

fs::path find_base(const SavedModel& saved) {
  const fs::path& path = saved.base->path;
  if (fs::exists(path)) return path;
  const fs::path beside =
      fs::absolute(saved.folder).lexically_normal().parent_path() / path.filename();
  if (fs::exists(beside)) return beside;
  throw Error(Fault::missing,
              fmt::format("{}: holds changes of the model at {}, which is not there; "
                          "put it back",
                          saved.folder.string(), path.string()));
}

std::string combined_hash(const std::string& base, const std::string& changes) {
  const std::string both = base + " " + changes;
  return fmt::format("{:016x}", XXH3_64bits(both.data(), both.size()));
}

}  // namespace trellis::nn

#include "experiments/model_at_path.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/formats/checkpoint.hpp"
#include "core/formats/gguf.hpp"
#include "core/text/lines.hpp"

namespace trellis::experiments {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// An object, or empty where the file is none.
json read_object(const fs::path& path) {
  json object = json::parse(text::read_text(path), nullptr, false);
  return object.is_object() ? object : json::object();
}

std::vector<std::string> published_types(const plugin::Description& description) {
  return description.json.value("published_types", std::vector<std::string>{});
}

// Special tokens are texts, or objects with their text as "content".
std::string token_text(const json& token) {
  if (token.is_string()) return token.get<std::string>();
  return token.is_object() ? token.value("content", "") : "";
}

std::string gguf_token(const formats::GgufFile& file, const std::string& key) {
  const auto id = file.metadata.find(key);
  const auto tokens = file.metadata.find("tokenizer.ggml.tokens");
  if (id == file.metadata.end() || tokens == file.metadata.end()) return "";
  if (!id->second.is_number_unsigned() || !tokens->second.is_array()) return "";
  const auto place = id->second.get<std::size_t>();
  return place < tokens->second.size() ? token_text(tokens->second[place]) : "";
}

ChatForm make_form(const std::string& source, const std::string& begin, const std::string& end) {
  return {text::ChatTemplate(source), {{"bos_token", begin}, {"eos_token", end}}};
}

}  // namespace

std::string plugin_of_model(const plugin::Registry& registry, const fs::path& path) {
  if (fs::exists(path / "model.json")) {
    const json saved = read_object(path / "model.json");
    const json id = saved.value("model", json());
    if (id.is_string()) return id.get<std::string>();
    // Of models without core/nn: "format": "trellis.ID/1".
    const json format = saved.value("format", json());
    const std::string text = format.is_string() ? format.get<std::string>() : "";
    if (text.starts_with("trellis.")) return text.substr(8, text.find('/') - 8);
    throw Error(Fault::bad_data, (path / "model.json").string() + ": names no model");
  }
  if (!formats::is_checkpoint(path)) {
    throw Error(Fault::missing,
                path.string() +
                    ": is no model: give a folder that trellis run has written, a Hugging Face "
                    "folder (config.json, model.safetensors, tokenizer.json), or a GGUF file");
  }
  const std::string type = formats::checkpoint_type(path);
  std::vector<std::string> known;
  for (const auto& id : registry.ids(plugin::Kind::model)) {
    for (const auto& name : published_types(registry.get(plugin::Kind::model, id))) {
      if (name == type) return id;
      known.push_back(name);
    }
  }
  throw Error(Fault::usage, fmt::format("{}: no plugin reads models of the type \"{}\"; those of "
                                        "these types are read: {}",
                                        path.string(), type, fmt::join(known, ", ")));
}

std::optional<ChatForm> chat_form_of_model(const fs::path& path) {
  if (fs::is_regular_file(path)) {
    const formats::GgufFile file = formats::read_gguf(path);
    const auto found = file.metadata.find("tokenizer.chat_template");
    if (found == file.metadata.end() || !found->second.is_string()) return std::nullopt;
    return make_form(found->second, gguf_token(file, "tokenizer.ggml.bos_token_id"),
                     gguf_token(file, "tokenizer.ggml.eos_token_id"));
  }
  if (fs::exists(path / "model.json")) {  // what was tuned here talks as what it began at
    const json settings = read_object(path / "model.json").value("settings", json::object());
    const json base = settings.is_object() ? settings.value("init_from", json()) : json();
    if (!base.is_string() || base == "" || !fs::exists(base.get<std::string>()))
      return std::nullopt;
    return chat_form_of_model(base.get<std::string>());
  }
  const json config = fs::exists(path / "tokenizer_config.json")
                          ? read_object(path / "tokenizer_config.json")
                          : json::object();
  const std::string begin = token_text(config.value("bos_token", json()));
  const std::string end = token_text(config.value("eos_token", json()));
  if (fs::exists(path / "chat_template.jinja"))
    return make_form(text::read_text(path / "chat_template.jinja"), begin, end);
  const json source = config.value("chat_template", json());
  if (!source.is_string()) return std::nullopt;
  return make_form(source, begin, end);
}

}  // namespace trellis::experiments

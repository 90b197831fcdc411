#include "tests/golden/nn_golden.hpp"

#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>

#include "core/error.hpp"
#include "core/formats/safetensors.hpp"
#include "core/nn/weights.hpp"
#include "plugins/models/gemma/published.hpp"
#include "plugins/models/gpt/published.hpp"
#include "plugins/models/gpt3/published.hpp"
#include "plugins/models/llama/published.hpp"
#include "plugins/models/rnn/encoder_decoder.hpp"
#include "plugins/models/transformer/published.hpp"

namespace trellis::golden {
namespace {

using nlohmann::json;
using nn::Tensor;

// The reference's name of one of the parameters of a recurrent network.
std::string reference_name(const std::string& type, const std::string& name, const json& config) {
  if (type == "rnn_lm") return name;
  static const std::vector<std::pair<std::regex, std::string>> seq2seq = {
      {std::regex("^source_embedding"), "src_embedding"},
      {std::regex("^target_embedding"), "tgt_embedding"},
      {std::regex("^(decoder\\..*)_l0$"), "$1"},
      {std::regex("^attention\\.query"), "attn_q"},
      {std::regex("^attention\\.score"), "attn_v"}};
  std::string result = name;
  for (const auto& [pattern, text] : seq2seq) result = std::regex_replace(result, pattern, text);
  if (result.starts_with("attention.key"))  // the two kinds of attention name it differently
    result.replace(0, 13, config.at("attention") == "luong" ? "attn_a" : "attn_k");
  return result;
}

std::unique_ptr<nn::Network> make_recurrent(const json& config) {
  models::RnnOptions options;
  options.vocab = config.at("vocab_size");
  options.embedding = config.at("embedding_size");
  options.hidden = config.at("hidden_size");
  if (config.at("model_type") == "rnn_lm") {
    options.cell = nn::cell_from_name(config.at("cell"));
    options.layers = config.at("num_layers");
    return std::make_unique<models::RnnLanguageModel>(options, 0);
  }
  options.cell = nn::Cell::gru;
  options.layers = 1;
  return std::make_unique<models::RnnEncoderDecoder>(
      options, models::attention_from_name(config.at("attention")), 0);
}

using Published = nn::PublishedModel (*)(const formats::ConfigReader& config);

// What the plugins make of the published types.
const std::map<std::string, Published> kPublished = {{"gemma3_text", models::published_gemma},
                                                     {"gpt2", models::published_gpt2},
                                                     {"gpt_neo", models::published_gpt_neo},
                                                     {"llama", models::published_llama},
                                                     {"marian", models::published_marian},
                                                     {"mixtral", models::published_mixtral},
                                                     {"t5", models::published_t5}};

formats::Checkpoint open_published(const std::filesystem::path& model, const std::string& weights,
                                   const json& config) {
  formats::Checkpoint checkpoint;
  checkpoint.path = model;
  checkpoint.config_path = model / "config.json";
  checkpoint.config = config;
  formats::SafetensorsFile file = formats::read_safetensors(model / weights);
  checkpoint.tensors = std::move(file.tensors);
  checkpoint.files.push_back(std::move(file.file));
  return checkpoint;
}

std::unique_ptr<nn::Network> load_published(const formats::Checkpoint& checkpoint) {
  const auto type = checkpoint.config.at("model_type").get<std::string>();
  nn::PublishedModel published = kPublished.at(type)(checkpoint.reader());
  nn::load_published(published.network->parameters, checkpoint, published.names);
  published.network->parameters.thaw();
  return std::move(published.network);
}

// What configs call the number of layers, of decoders and of encoders beside them, and the lists
// that have an entry for each.
constexpr std::array kLayerCounts = {"num_decoder_layers", "decoder_layers", "num_hidden_layers",
                                     "num_layers", "n_layer"};
constexpr std::array kEncoderCounts = {"encoder_layers", "num_layers"};
constexpr std::array kLayerLists = {"layer_types", "attention_layers"};

// Keeps the first so many layers of a stack: those whose tensors' names have one of these patterns
// with a number.
void keep_layers(formats::Checkpoint& checkpoint, const std::regex& layer_of, std::size_t layers) {
  std::erase_if(checkpoint.tensors, [&](const auto& entry) {
    std::smatch found;
    return std::regex_search(entry.first, found, layer_of) &&
           static_cast<std::size_t>(std::stoi(found[1])) >= layers;
  });
}

// Sets the first of these keys that a config has.
template <std::size_t kCount>
void set_first(json& config, const std::array<const char*, kCount>& keys, std::size_t value) {
  for (const char* key : keys) {
    if (!config.contains(key)) continue;
    config[key] = value;
    return;
  }
}

Tensor read_ids(const json& rows) {
  Tensor ids = at::empty(
      {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows.at(0).size())},
      at::kLong);
  auto* next = ids.data_ptr<std::int64_t>();
  for (const json& row : rows)
    for (const json& id : row) *next++ = id.get<std::int64_t>();
  return ids;
}

Tensor to_tensor(const formats::StoredTensor& stored) {
  Tensor tensor = at::empty(stored.shape);
  formats::copy_values(stored, nn::values_of(tensor));
  return tensor;
}

}  // namespace

std::filesystem::path folder() {
  const char* named = std::getenv("TRELLIS_GOLDENS");
  return named != nullptr ? std::filesystem::path(named)
                          : std::filesystem::path(TRELLIS_SOURCE_DIR "/tests/golden");
}

json read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw Error(Fault::missing, path.string() + ": cannot be opened");
  return json::parse(file);
}

std::unique_ptr<nn::Network> load_network(const std::filesystem::path& model,
                                          const std::string& weights) {
  const json config = read_json(model / "config.json");
  const auto type = config.at("model_type").get<std::string>();
  if (kPublished.contains(type)) return load_published(open_published(model, weights, config));
  auto network = make_recurrent(config);
  const formats::SafetensorsFile file = formats::read_safetensors(model / weights);
  const at::NoGradGuard no_gradient;
  for (const nn::Parameter& parameter : network->parameters.all()) {
    const std::string name = reference_name(type, parameter.name, config);
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end())
      throw Error(Fault::bad_data, "no tensor " + name + " for " + parameter.name);
    parameter.tensor.copy_(to_tensor(found->second));
  }
  return network;
}

std::size_t layer_count(const json& config) {
  for (const char* key : kLayerCounts)
    if (config.contains(key)) return config.at(key).get<std::size_t>();
  return 0;
}

std::unique_ptr<nn::Network> load_first_layers(const std::filesystem::path& model,
                                               std::size_t layers) {
  json config = read_json(model / "config.json");
  set_first(config, kLayerCounts, layers);
  for (const char* key : kLayerLists)
    while (config.contains(key) && config[key].size() > layers) config[key].erase(layers);
  formats::Checkpoint checkpoint = open_published(model, "model.safetensors", config);
  static const std::regex layer_of(
      "^(?:model\\.layers|model\\.decoder\\.layers|decoder\\.block|transformer\\.h)\\.([0-9]+)\\.");
  keep_layers(checkpoint, layer_of, layers);
  return load_published(checkpoint);
}

std::unique_ptr<nn::Network> load_first_encoder_layers(const std::filesystem::path& model,
                                                       std::size_t layers) {
  json config = read_json(model / "config.json");
  set_first(config, kEncoderCounts, layers);
  formats::Checkpoint checkpoint = open_published(model, "model.safetensors", config);
  static const std::regex layer_of("^(?:model\\.encoder\\.layers|encoder\\.block)\\.([0-9]+)\\.");
  keep_layers(checkpoint, layer_of, layers);
  return load_published(checkpoint);
}

Tensor apply_final_norm(const std::filesystem::path& model, const Tensor& x,
                        const std::string& stack) {
  const json config = read_json(model / "config.json");
  const auto path = model / "model.safetensors";
  const auto type = config.at("model_type").get<std::string>();
  if (type == "marian") return x;  // every layer ends with its own
  if (type == "gpt2" || type == "gpt_neo") {
    const Tensor weight = read_tensor(path, "transformer.ln_f.weight");
    return at::layer_norm(x, weight.sizes(), weight, read_tensor(path, "transformer.ln_f.bias"),
                          config.at("layer_norm_epsilon").get<double>());
  }
  const bool t5 = type == "t5";
  Tensor weight = read_tensor(path, t5 ? stack + ".final_layer_norm.weight" : "model.norm.weight");
  if (type == "gemma3_text") weight = weight + 1.0;
  const double epsilon = config.at(t5 ? "layer_norm_epsilon" : "rms_norm_eps");
  return x * at::rsqrt(x.pow(2).mean(-1, true) + epsilon) * weight;
}

nn::Batch read_batch(const json& json) {
  nn::Batch batch;
  const bool published = json.contains("input_ids") && json.contains("decoder_input_ids");
  const bool encoder = published || json.contains("source_ids");
  if (encoder) {
    batch.source = read_ids(json.at(published ? "input_ids" : "source_ids"));
    std::vector<std::int64_t> lengths(static_cast<std::size_t>(batch.source.size(0)),
                                      batch.source.size(1));
    if (json.contains("lengths")) lengths = json.at("lengths").get<std::vector<std::int64_t>>();
    batch.source_lengths = at::tensor(at::ArrayRef<std::int64_t>(lengths), at::kLong);
    if (published && json.contains("attention_mask"))
      batch.source_lengths = read_ids(json.at("attention_mask")).sum(1);
    batch.input = read_ids(json.at("decoder_input_ids"));
  } else {
    batch.input = read_ids(json.at("input_ids"));
  }
  if (json.contains("targets")) {
    batch.target = read_ids(json.at("targets"));
    batch.target_count = (batch.target != nn::kIgnoredTarget).sum().item<std::int64_t>();
  }
  return batch;
}

Tensor read_tensor(const std::filesystem::path& path, const std::string& name) {
  return to_tensor(formats::read_safetensors(path).tensors.at(name));
}

}  // namespace trellis::golden

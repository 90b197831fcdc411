#include "tests/golden/nn_golden.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>

#include "core/error.hpp"
#include "core/nn/safetensors.hpp"
#include "core/nn/weights.hpp"
#include "plugins/models/gpt/gpt.hpp"
#include "plugins/models/llama/llama.hpp"
#include "plugins/models/rnn/encoder_decoder.hpp"

namespace trellis::golden {
namespace {

using nlohmann::json;
using nn::Tensor;

// The reference's name of one of Trellis's parameters.
std::string reference_name(const std::string& type, const std::string& name) {
  static const std::vector<std::pair<std::regex, std::string>> gpt2 = {
      {std::regex("^tokens"), "transformer.wte"},
      {std::regex("^positions"), "transformer.wpe"},
      {std::regex("^final_norm"), "transformer.ln_f"},
      {std::regex("^blocks"), "transformer.h"},
      {std::regex("attention_norm"), "ln_1"},
      {std::regex("feed_forward_norm"), "ln_2"},
      {std::regex("attention\\.query_key_value"), "attn.c_attn"},
      {std::regex("attention\\.out"), "attn.c_proj"},
      {std::regex("feed_forward\\.up"), "mlp.c_fc"},
      {std::regex("feed_forward\\.down"), "mlp.c_proj"}};
  static const std::vector<std::pair<std::regex, std::string>> seq2seq = {
      {std::regex("^source_embedding"), "src_embedding"},
      {std::regex("^target_embedding"), "tgt_embedding"},
      {std::regex("^(decoder\\..*)_l0$"), "$1"},
      {std::regex("^attention\\.query"), "attn_q"},
      {std::regex("^attention\\.score"), "attn_v"}};
  static const std::vector<std::pair<std::regex, std::string>> llama = {
      {std::regex("^tokens"), "model.embed_tokens"},
      {std::regex("^final_norm"), "model.norm"},
      {std::regex("^out"), "lm_head"},
      {std::regex("^blocks"), "model.layers"},
      {std::regex("attention_norm"), "input_layernorm"},
      {std::regex("feed_forward_norm"), "post_attention_layernorm"},
      {std::regex("attention\\.out"), "self_attn.o_proj"},
      {std::regex("feed_forward\\.down"), "mlp.down_proj"}};
  std::string result = name;
  if (type == "llama")
    for (const auto& [pattern, text] : llama) result = std::regex_replace(result, pattern, text);
  if (type == "gpt2")
    for (const auto& [pattern, text] : gpt2) result = std::regex_replace(result, pattern, text);
  if (type == "rnn_seq2seq")
    for (const auto& [pattern, text] : seq2seq) result = std::regex_replace(result, pattern, text);
  return result;
}

std::unique_ptr<nn::Network> make_network(const json& config) {
  const auto type = config.at("model_type").get<std::string>();
  if (type == "gpt2") {
    models::GptOptions options;
    options.vocab = config.at("vocab_size");
    options.context = config.at("n_positions");
    options.layers = config.at("n_layer");
    options.width = config.at("n_embd");
    options.heads = config.at("n_head");
    options.inner = 4 * options.width;
    return std::make_unique<models::Gpt>(options, 0);
  }
  if (type == "llama") {
    models::LlamaOptions options;
    options.vocab = config.at("vocab_size");
    options.context = config.at("max_position_embeddings");
    options.layers = config.at("num_hidden_layers");
    options.width = config.at("hidden_size");
    options.heads = config.at("num_attention_heads");
    options.kv_heads = config.at("num_key_value_heads");
    options.inner = config.at("intermediate_size");
    options.rotary_base = config.at("rope_parameters").at("rope_theta");
    options.epsilon = config.at("rms_norm_eps");
    options.tied_embeddings = config.at("tie_word_embeddings");
    return std::make_unique<models::Llama>(options, 0);
  }
  models::RnnOptions options;
  options.vocab = config.at("vocab_size");
  options.embedding = config.at("embedding_size");
  options.hidden = config.at("hidden_size");
  if (type == "rnn_lm") {
    options.cell = nn::cell_from_name(config.at("cell"));
    options.layers = config.at("num_layers");
    return std::make_unique<models::RnnLanguageModel>(options, 0);
  }
  options.cell = nn::Cell::gru;
  options.layers = 1;
  return std::make_unique<models::RnnEncoderDecoder>(
      options, models::attention_from_name(config.at("attention")), 0);
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

Tensor to_tensor(const nn::StoredTensor& stored) {
  Tensor tensor = at::empty(stored.shape);
  nn::copy_values(stored, nn::values_of(tensor));
  return tensor;
}

// Matrices that Trellis keeps in one, by the end of its name: what the reference has instead.
const std::vector<std::pair<std::string, std::vector<std::string>>> kJoined = {
    {"attention.query_key_value.weight",
     {"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"}},
    {"feed_forward.up.weight", {"mlp.gate_proj.weight", "mlp.up_proj.weight"}}};

Tensor reference_value(const nn::SafetensorsFile& file, const std::string& type,
                       const std::string& name) {
  if (type == "llama") {
    for (const auto& [end, parts] : kJoined) {
      if (!name.ends_with(end)) continue;
      std::vector<Tensor> found;
      const std::string begin = name.substr(0, name.size() - end.size());
      for (const std::string& part : parts)
        found.push_back(reference_value(file, type, begin + part));
      return at::cat(found);
    }
  }
  const auto found = file.tensors.find(reference_name(type, name));
  if (found == file.tensors.end())
    throw Error(Fault::bad_data, "no tensor " + reference_name(type, name) + " for " + name);
  return to_tensor(found->second);
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
  auto network = make_network(config);
  const nn::SafetensorsFile file = nn::read_safetensors(model / weights);
  const at::NoGradGuard no_gradient;
  for (const nn::Parameter& parameter : network->parameters.all()) {
    std::string name = parameter.name;
    if (name.starts_with("attention.key"))  // the two kinds of attention name it differently
      name.replace(0, 13, config.at("attention") == "luong" ? "attn_a" : "attn_k");
    Tensor value = reference_value(file, type, name);
    if (type == "gpt2" && value.dim() == 2 && name.starts_with("blocks."))
      value = value.t();  // GPT-2's Conv1D keeps its weights as [in, out]
    parameter.tensor.copy_(value);
  }
  return network;
}

nn::Batch read_batch(const json& json) {
  nn::Batch batch;
  if (json.contains("source_ids")) {
    batch.source = read_ids(json.at("source_ids"));
    std::vector<std::int64_t> lengths(static_cast<std::size_t>(batch.source.size(0)),
                                      batch.source.size(1));
    if (json.contains("lengths")) lengths = json.at("lengths").get<std::vector<std::int64_t>>();
    batch.source_lengths = at::tensor(at::ArrayRef<std::int64_t>(lengths), at::kLong);
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
  return to_tensor(nn::read_safetensors(path).tensors.at(name));
}

}  // namespace trellis::golden

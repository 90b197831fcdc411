/// A GGUF file as the Hugging Face folder that it was made from.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "core/formats/gguf.hpp"
#include "core/formats/gguf_tokenizer.hpp"

namespace trellis::formats {
namespace {

using nlohmann::json;

struct Renamed {
  std::string_view gguf;
  std::string_view folder;
};

// Of the whole model, then of a layer.
constexpr std::array kModelTensors = {Renamed{"token_embd.", "model.embed_tokens."},
                                      Renamed{"output_norm.", "model.norm."},
                                      Renamed{"output.", "lm_head."}};
constexpr std::array kLayerTensors = {Renamed{"attn_norm.", "input_layernorm."},
                                      Renamed{"attn_q.", "self_attn.q_proj."},
                                      Renamed{"attn_k.", "self_attn.k_proj."},
                                      Renamed{"attn_v.", "self_attn.v_proj."},
                                      Renamed{"attn_output.", "self_attn.o_proj."},
                                      Renamed{"attn_q_norm.", "self_attn.q_norm."},
                                      Renamed{"attn_k_norm.", "self_attn.k_norm."},
                                      Renamed{"ffn_gate.", "mlp.gate_proj."},
                                      Renamed{"ffn_up.", "mlp.up_proj."},
                                      Renamed{"ffn_down.", "mlp.down_proj."},
                                      Renamed{"ffn_gate_inp.", "block_sparse_moe.gate."}};
// What the norms between layers are called depends on how many there are.
constexpr std::array kTwoNorms = {Renamed{"ffn_norm.", "post_attention_layernorm."}};
constexpr std::array kFourNorms = {Renamed{"post_attention_norm.", "post_attention_layernorm."},
                                   Renamed{"ffn_norm.", "pre_feedforward_layernorm."},
                                   Renamed{"post_ffw_norm.", "post_feedforward_layernorm."}};

// Of each expert what the feed-forward network has.
constexpr std::array kExpertTensors = {Renamed{"ffn_gate", "w1"}, Renamed{"ffn_up", "w3"},
                                       Renamed{"ffn_down", "w2"}};
// What the frequencies of the rotary positions are divided by.
constexpr const char* kRotaryDivisors = "rope_freqs.weight";
constexpr std::int64_t kMostExperts = 4096;  // of a layer: more is no model

struct Architecture {
  std::string_view name;  // of the file
  std::string_view type;  // "model_type"
  bool paired_rows;       // queries and keys are stored by neighbouring pairs
  bool norms_with_one;    // norms are stored with the 1 that Gemma adds
};
constexpr std::array kArchitectures = {Architecture{"llama", "llama", true, false},
                                       Architecture{"qwen2", "qwen2", false, false},
                                       Architecture{"gemma3", "gemma3_text", false, true}};

template <typename Table>
bool rename(const Table& table, std::string_view name, std::string_view before,
            std::string& renamed) {
  for (const Renamed& entry : table) {
    if (!name.starts_with(entry.gguf)) continue;
    renamed = fmt::format("{}{}{}", before, entry.folder, name.substr(entry.gguf.size()));
    return true;
  }
  return false;
}

struct LayerName {
  std::string_view number;
  std::string_view rest;
};

// "blk.3.ffn_up.weight" -> "3", "ffn_up.weight"
std::optional<LayerName> layer_name(std::string_view name) {
  if (!name.starts_with("blk.")) return std::nullopt;
  const std::size_t end = name.find('.', 4);
  if (end == name.npos) return std::nullopt;
  return LayerName{name.substr(4, end - 4), name.substr(end + 1)};
}

// Names that are not known stay as they are, to be reported.
std::string folder_name(const std::string& name, const Architecture& architecture) {
  std::string renamed = name;
  const auto layer = layer_name(name);
  if (!layer) {
    rename(kModelTensors, name, "", renamed);
    return renamed;
  }
  const std::string before = fmt::format("model.layers.{}.", layer->number);
  const std::string_view rest = layer->rest;
  if (rename(kLayerTensors, rest, before, renamed)) return renamed;
  if (architecture.norms_with_one) {
    rename(kFourNorms, rest, before, renamed);
  } else {
    rename(kTwoNorms, rest, before, renamed);
  }
  return renamed;
}

std::string expert_name(std::string_view layer, std::string_view expert, std::string_view matrix) {
  return fmt::format("model.layers.{}.block_sparse_moe.experts.{}.{}.weight", layer, expert,
                     matrix);
}

// The experts' matrices that a tensor holds: all of a layer ("ffn_up_exps.weight" // [experts,
// ...]) or, in older files, one ("ffn_up.3.weight"). Nothing for other tensors.
std::vector<StoredTensor> experts_in(const StoredTensor& tensor) {
  std::vector<StoredTensor> experts;
  const auto layer = layer_name(tensor.name);
  if (!layer) return experts;
  for (const auto& [stem, matrix] : kExpertTensors) {
    if (!layer->rest.starts_with(stem)) continue;
    const std::string_view rest = layer->rest.substr(stem.size());
    const bool all = rest == "_exps.weight" && tensor.shape.size() == 3;
    const std::int64_t count = all ? tensor.shape.front() : 0;
    if (count > 0 && count <= kMostExperts) {
      const std::size_t bytes = tensor.bytes.size() / static_cast<std::size_t>(count);
      for (std::int64_t i = 0; i < count; ++i) {
        StoredTensor one = tensor;
        one.name = expert_name(layer->number, std::to_string(i), matrix);
        one.shape.erase(one.shape.begin());
        one.bytes = tensor.bytes.subspan(static_cast<std::size_t>(i) * bytes, bytes);
        experts.push_back(std::move(one));
      }
    } else if (rest.starts_with('.') && rest.ends_with(".weight") && rest.size() > 8) {
      StoredTensor one = tensor;
      one.name = expert_name(layer->number, rest.substr(1, rest.size() - 8), matrix);
      experts.push_back(std::move(one));
    }
  }
  return experts;
}

const Architecture& architecture_of(const std::filesystem::path& path, std::string_view name) {
  std::vector<std::string_view> known;
  for (const Architecture& one : kArchitectures) {
    if (name == one.name) return one;
    known.push_back(one.name);
  }
  throw Error(Fault::bad_data,
              fmt::format("{}: general.architecture = \"{}\": is not supported; supported in GGUF "
                          "files: {}",
                          path.string(), name, fmt::join(known, ", ")));
}

std::string model_type(const std::filesystem::path& path, const Architecture& architecture,
                       std::uint64_t experts) {
  if (experts == 0) return std::string(architecture.type);
  if (architecture.name == "llama") return "mixtral";
  throw Error(
      Fault::bad_data,
      fmt::format("{}: {} with a mixture of {} experts is not supported; of mixtures, those "
                  "of the architecture llama are (Mixtral)",
                  path.string(), architecture.name, experts));
}

class Translation {
 public:
  Translation(const std::filesystem::path& path, GgufFile& file) : path_(path), file_(file) {
    const json name = value("general.architecture");
    architecture_ = &architecture_of(path, name.is_string() ? name.get<std::string>() : "");
  }

  json config() const {
    json config = {{"model_type", model_type(path_, *architecture_, experts())},
                   {"tie_word_embeddings", !file_.tensors.contains("output.weight")}};
    const auto copy = [&](const char* key, const std::string& from) {
      const json found = value(from);
      if (!found.is_null()) config[key] = found;
    };
    const auto own = [&](const char* key) {
      return fmt::format("{}.{}", architecture_->name, key);
    };
    copy("max_position_embeddings", own("context_length"));
    copy("num_hidden_layers", own("block_count"));
    copy("hidden_size", own("embedding_length"));
    copy("intermediate_size", own("feed_forward_length"));
    copy("num_attention_heads", own("attention.head_count"));
    copy("num_key_value_heads", own("attention.head_count_kv"));
    copy("head_dim", own("attention.key_length"));
    copy("query_pre_attn_scalar", own("attention.key_length"));
    copy("rms_norm_eps", own("attention.layer_norm_rms_epsilon"));
    copy("rope_theta", own("rope.freq_base"));
    copy("sliding_window", own("attention.sliding_window"));
    copy("num_local_experts", own("expert_count"));
    copy("num_experts_per_tok", own("expert_used_count"));
    copy("bos_token_id", "tokenizer.ggml.bos_token_id");
    copy("eos_token_id", "tokenizer.ggml.eos_token_id");
    copy("chat_template", "tokenizer.chat_template");
    add_rope_scaling(config, own("rope.scaling."));
    const auto embedding = file_.tensors.find("token_embd.weight");
    if (embedding != file_.tensors.end() && !embedding->second.shape.empty())
      config["vocab_size"] = embedding->second.shape.front();
    return config;
  }

  TensorMap tensors(const json& config) const {
    TensorMap renamed;
    for (auto& [name, tensor] : file_.tensors) {
      if (name == kRotaryDivisors) continue;  // of the config
      if (experts() > 0) {
        std::vector<StoredTensor> parts = experts_in(tensor);
        for (StoredTensor& part : parts) {
          std::string key = part.name;
          renamed.emplace(std::move(key), std::move(part));
        }
        if (!parts.empty()) continue;
      }
      StoredTensor moved = tensor;
      moved.name = folder_name(name, *architecture_);
      if (architecture_->paired_rows) pair_rows(config, moved);
      if (architecture_->norms_with_one && moved.name.ends_with("norm.weight")) moved.added = 1;
      std::string key = moved.name;
      renamed.emplace(std::move(key), std::move(moved));
    }
    return renamed;
  }

 private:
  json value(const std::string& key) const {
    const auto found = file_.metadata.find(key);
    return found == file_.metadata.end() ? json() : found->second;
  }

  std::uint64_t experts() const {
    const json count = value(fmt::format("{}.expert_count", architecture_->name));
    return count.is_number_unsigned() ? count.get<std::uint64_t>() : 0;
  }

  void add_rope_scaling(json& config, const std::string& prefix) const {
    const auto divisors = file_.tensors.find(kRotaryDivisors);
    if (divisors != file_.tensors.end()) {
      std::vector<float> values(element_count(divisors->second.shape));
      copy_values(divisors->second, values);
      config["rope_scaling"] = {{"rope_type", "divided"}, {"divisors", values}};
      return;
    }
    const json type = value(prefix + "type");
    if (type.is_null() || type == "none") return;
    config["rope_scaling"] = {{"rope_type", type}, {"factor", value(prefix + "factor")}};
    if (config.contains("rope_theta")) config["rope_scaling"]["rope_theta"] = config["rope_theta"];
  }

  static void pair_rows(const json& config, StoredTensor& tensor) {
    const bool query = tensor.name.find(".q_proj.") != std::string::npos;
    const bool key = tensor.name.find(".k_proj.") != std::string::npos;
    if (!query && !key) return;
    const json heads = config.value("num_attention_heads", json());
    const json count = query ? heads : config.value("num_key_value_heads", heads);
    // Numbers that cannot be right are reported with the config.
    if (!count.is_number_unsigned() || tensor.shape.size() != 2 || count == 0) return;
    const auto number = count.get<std::uint64_t>();
    const auto rows = static_cast<std::uint64_t>(tensor.shape.front());
    if (rows % number == 0 && rows / number % 2 == 0)
      tensor.paired_heads = static_cast<std::int64_t>(number);
  }

  const std::filesystem::path& path_;
  GgufFile& file_;
  const Architecture* architecture_ = nullptr;
};

}  // namespace

std::string gguf_type(const std::filesystem::path& path) {
  const GgufKind kind = gguf_kind(path);
  return model_type(path, architecture_of(path, kind.architecture), kind.experts);
}

Checkpoint open_gguf(const std::filesystem::path& path) {
  GgufFile file = read_gguf(path);
  const Translation translation(path, file);
  Checkpoint checkpoint;
  checkpoint.path = path;
  checkpoint.config_path = path;
  checkpoint.config = translation.config();
  checkpoint.tensors = translation.tensors(checkpoint.config);
  checkpoint.tokenizer = gguf_tokenizer(path, file);
  checkpoint.files.push_back(std::move(file.file));
  return checkpoint;
}

}  // namespace trellis::formats

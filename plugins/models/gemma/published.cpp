#include "plugins/models/gemma/published.hpp"

#include <cmath>

#include "core/nn/published_rotary.hpp"
#include "plugins/models/gemma/gemma.hpp"

namespace trellis::models {
namespace {

using formats::ConfigReader;

nn::PublishedNames gemma_names() {
  const std::string layer = "model.layers.{}.";
  const std::string attention = layer + "self_attn.";
  constexpr auto kAddOne = nn::Change::add_one;
  nn::PublishedNames names;
  names.prefix = "model.";
  names.names = {
      {"tokens.weight", {"model.embed_tokens.weight"}},
      {"blocks.{}.attention_norm.weight", {layer + "input_layernorm.weight"}, kAddOne},
      {"blocks.{}.attention.query_key_value.weight",
       {attention + "q_proj.weight", attention + "k_proj.weight", attention + "v_proj.weight"}},
      {"blocks.{}.attention.out.weight", {attention + "o_proj.weight"}},
      {"blocks.{}.attention.query_norm.weight", {attention + "q_norm.weight"}, kAddOne},
      {"blocks.{}.attention.key_norm.weight", {attention + "k_norm.weight"}, kAddOne},
      {"blocks.{}.after_attention_norm.weight",
       {layer + "post_attention_layernorm.weight"},
       kAddOne},
      {"blocks.{}.feed_forward_norm.weight", {layer + "pre_feedforward_layernorm.weight"}, kAddOne},
      {"blocks.{}.feed_forward.up.weight",
       {layer + "mlp.gate_proj.weight", layer + "mlp.up_proj.weight"}},
      {"blocks.{}.feed_forward.down.weight", {layer + "mlp.down_proj.weight"}},
      {"blocks.{}.after_feed_forward_norm.weight",
       {layer + "post_feedforward_layernorm.weight"},
       kAddOne},
      {"final_norm.weight", {"model.norm.weight"}, kAddOne}};
  names.ignored = {"lm_head.weight"};
  return names;
}

// Older files give every how many layers one is global, as "sliding_window_pattern".
std::vector<bool> local_layers(const ConfigReader& config, std::int64_t layers) {
  std::vector<bool> local;
  for (const std::string& kind : config.texts({"layer_types"})) {
    if (kind != "sliding_attention" && kind != "full_attention")
      config.refuse("layer_types", "may hold \"sliding_attention\" and \"full_attention\"");
    local.push_back(kind == "sliding_attention");
  }
  if (local.empty()) {
    const auto stride = config.size({"sliding_window_pattern", "_sliding_window_pattern"}, 6);
    for (std::int64_t i = 0; i < layers; ++i) local.push_back((i + 1) % stride != 0);
  }
  if (static_cast<std::int64_t>(local.size()) != layers)
    config.refuse("layer_types", "must name as many layers as num_hidden_layers");
  return local;
}

void read_rotary(const ConfigReader& config, GemmaOptions& options) {
  const auto size = static_cast<std::size_t>(options.head_size);
  const auto both = config.object({"rope_parameters"});
  const auto global = both ? both->object({"full_attention"}) : std::nullopt;
  const auto local = both ? both->object({"sliding_attention"}) : std::nullopt;
  if (global && local) {
    options.global_turns = nn::published_rotary(*global, *global, size, 1e6);
    options.local_turns = nn::published_rotary(*local, *local, size, 1e4);
    return;
  }
  options.global_turns = nn::published_rotary(config, size, 1e6);
  options.local_turns =
      kernels::rotary_frequencies(config.number({"rope_local_base_freq"}, 1e4), size);
}

}  // namespace

nn::PublishedModel published_gemma(const ConfigReader& config) {
  GemmaOptions options;
  options.vocab = config.size({"vocab_size"});
  options.context = config.size({"max_position_embeddings"});
  options.width = config.size({"hidden_size"});
  options.heads = config.size({"num_attention_heads"});
  options.kv_heads = config.size({"num_key_value_heads"}, options.heads);
  options.head_size = config.size({"head_dim"}, 256);
  options.inner = config.size({"intermediate_size"});
  options.window = config.size({"sliding_window"});
  options.local = local_layers(config, config.size({"num_hidden_layers"}));
  options.epsilon = config.number({"rms_norm_eps"}, 1e-6);
  options.score_scale = 1 / std::sqrt(config.number({"query_pre_attn_scalar"}, 256));
  if (options.heads % options.kv_heads != 0)
    config.refuse("num_key_value_heads", "must divide num_attention_heads");
  if (options.head_size % 2 != 0) config.refuse("head_dim", "must be even");
  read_rotary(config, options);
  config.choice({"hidden_activation", "hidden_act"}, {"gelu_pytorch_tanh"}, "gelu_pytorch_tanh");
  for (const std::string_view key : {"attn_logit_softcapping", "final_logit_softcapping"})
    if (config.has(key)) config.refuse(key, "is not supported; null is");
  for (const std::string_view key : {"attention_bias", "use_bidirectional_attention"})
    if (config.boolean({key}, false)) config.refuse(key, "is not supported; false is");
  if (!config.boolean({"tie_word_embeddings"}, true))
    config.refuse("tie_word_embeddings", "is not supported; tied ones are");
  return nn::published_decoder<Gemma>(options, gemma_names());
}

}  // namespace trellis::models

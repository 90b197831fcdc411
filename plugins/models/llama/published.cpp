#include "plugins/models/llama/published.hpp"

#include "core/nn/published_rotary.hpp"
#include "plugins/models/llama/llama.hpp"

namespace trellis::models {
namespace {

nn::PublishedNames names_of(const LlamaOptions& options) {
  const std::string layer = "model.layers.{}.";
  nn::PublishedNames names;
  names.prefix = "model.";
  names.names = {
      {"tokens.weight", {"model.embed_tokens.weight"}},
      {"blocks.{}.attention_norm.weight", {layer + "input_layernorm.weight"}},
      {"blocks.{}.attention.query_key_value.weight",
       {layer + "self_attn.q_proj.weight", layer + "self_attn.k_proj.weight",
        layer + "self_attn.v_proj.weight"}},
      {"blocks.{}.attention.query_key_value.bias",
       {layer + "self_attn.q_proj.bias", layer + "self_attn.k_proj.bias",
        layer + "self_attn.v_proj.bias"}},
      {"blocks.{}.attention.out.weight", {layer + "self_attn.o_proj.weight"}},
      {"blocks.{}.feed_forward_norm.weight", {layer + "post_attention_layernorm.weight"}},
      {"blocks.{}.feed_forward.up.weight",
       {layer + "mlp.gate_proj.weight", layer + "mlp.up_proj.weight"}},
      {"blocks.{}.feed_forward.down.weight", {layer + "mlp.down_proj.weight"}},
      {"blocks.{}.mixture.gate.weight", {layer + "block_sparse_moe.gate.weight"}},
      {"blocks.{}.mixture.experts.{}.up.weight",
       {layer + "block_sparse_moe.experts.{}.w1.weight",
        layer + "block_sparse_moe.experts.{}.w3.weight"}},
      {"blocks.{}.mixture.experts.{}.down.weight",
       {layer + "block_sparse_moe.experts.{}.w2.weight"}},
      {"final_norm.weight", {"model.norm.weight"}},
      {"out.weight", {"lm_head.weight"}}};
  names.ignored = {layer + "self_attn.rotary_emb.inv_freq"};
  if (options.tied_embeddings) names.ignored.emplace_back("lm_head.weight");
  return names;
}

LlamaOptions options_of(const formats::ConfigReader& config) {
  LlamaOptions options;
  options.vocab = config.size({"vocab_size"});
  options.context = config.size({"max_position_embeddings"});
  options.layers = config.size({"num_hidden_layers"});
  options.width = config.size({"hidden_size"});
  options.heads = config.size({"num_attention_heads"});
  options.kv_heads = config.size({"num_key_value_heads"}, options.heads);
  options.inner = config.size({"intermediate_size"});
  options.epsilon = config.number({"rms_norm_eps"}, 1e-6);
  if (!config.has("head_dim") && options.width % options.heads != 0)
    config.refuse("num_attention_heads", "must divide hidden_size");
  options.head_size = config.size({"head_dim"}, options.width / options.heads);
  if (options.heads % options.kv_heads != 0)
    config.refuse("num_key_value_heads", "must divide num_attention_heads");
  if (options.head_size % 2 != 0) config.refuse("head_dim", "must be even");
  options.rotary_frequencies =
      nn::published_rotary(config, static_cast<std::size_t>(options.head_size));
  config.choice({"hidden_act"}, {"silu"}, "silu");
  return options;
}

}  // namespace

nn::PublishedModel published_llama(const formats::ConfigReader& config) {
  LlamaOptions options = options_of(config);
  const bool qwen = config.text({"model_type"}) == "qwen2";
  options.query_key_value_bias = qwen;
  options.tied_embeddings = config.boolean({"tie_word_embeddings"}, false);
  if (config.boolean({"attention_bias"}, false) && !qwen)
    config.refuse("attention_bias", "is not supported; models without it are");
  if (config.boolean({"mlp_bias"}, false))
    config.refuse("mlp_bias", "is not supported; models without it are");
  if (config.boolean({"use_sliding_window"}, false))
    config.refuse("use_sliding_window", "is not supported; models without it are");
  return nn::published_decoder<Llama>(options, names_of(options));
}

nn::PublishedModel published_mixtral(const formats::ConfigReader& config) {
  LlamaOptions options = options_of(config);
  options.tied_embeddings = config.boolean({"tie_word_embeddings"}, false);
  options.experts = config.size({"num_local_experts"});
  options.top_k = config.size({"num_experts_per_tok"});
  if (options.top_k > options.experts)
    config.refuse("num_experts_per_tok", "must not exceed num_local_experts");
  if (config.has("sliding_window"))
    config.refuse("sliding_window", "is not supported; models without it are");
  return nn::published_decoder<Llama>(options, names_of(options));
}

}  // namespace trellis::models

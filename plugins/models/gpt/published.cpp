#include "plugins/models/gpt/published.hpp"

#include "plugins/models/gpt/gpt.hpp"

namespace trellis::models {
namespace {

nn::PublishedNames gpt2_names() {
  const std::string layer = "transformer.h.{}.";
  nn::PublishedNames names;
  names.prefix = "transformer.";
  const auto same = [&](const std::string& parameter, const std::string& tensor) {
    names.names.push_back({parameter, {tensor}});
  };
  const auto norm = [&](const std::string& parameter, const std::string& tensor) {
    same(parameter + ".weight", tensor + ".weight");
    same(parameter + ".bias", tensor + ".bias");
  };
  const auto linear = [&](const std::string& parameter, const std::string& tensor) {
    names.names.push_back({parameter + ".weight", {tensor + ".weight"}, nn::Change::transpose});
    same(parameter + ".bias", tensor + ".bias");
  };
  same("tokens.weight", "transformer.wte.weight");
  same("positions.weight", "transformer.wpe.weight");
  norm("blocks.{}.attention_norm", layer + "ln_1");
  linear("blocks.{}.attention.query_key_value", layer + "attn.c_attn");
  linear("blocks.{}.attention.out", layer + "attn.c_proj");
  norm("blocks.{}.feed_forward_norm", layer + "ln_2");
  linear("blocks.{}.feed_forward.up", layer + "mlp.c_fc");
  linear("blocks.{}.feed_forward.down", layer + "mlp.c_proj");
  norm("final_norm", "transformer.ln_f");
  names.ignored = {"lm_head.weight", layer + "attn.bias", layer + "attn.masked_bias"};
  return names;
}

}  // namespace

nn::PublishedModel published_gpt2(const formats::ConfigReader& config) {
  GptOptions options;
  options.vocab = config.size({"vocab_size"});
  options.context = config.size({"n_positions", "n_ctx"});
  options.layers = config.size({"n_layer"});
  options.width = config.size({"n_embd"});
  options.heads = config.size({"n_head"});
  options.inner = config.size({"n_inner"}, 4 * options.width);
  options.epsilon = config.number({"layer_norm_epsilon"}, 1e-5);
  if (options.width % options.heads != 0) config.refuse("n_head", "must divide n_embd");
  config.choice({"activation_function"}, {"gelu_new", "gelu_pytorch_tanh"}, "gelu_new");
  if (!config.boolean({"scale_attn_weights"}, true))
    config.refuse("scale_attn_weights", "is not supported; models that scale are");
  if (config.boolean({"scale_attn_by_inverse_layer_idx"}, false))
    config.refuse("scale_attn_by_inverse_layer_idx", "is not supported; models without it are");
  if (!config.boolean({"tie_word_embeddings"}, true))
    config.refuse("tie_word_embeddings", "is not supported; tied ones are");
  return nn::published_decoder<Gpt>(options, gpt2_names());
}

}  // namespace trellis::models

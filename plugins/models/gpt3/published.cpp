#include "plugins/models/gpt3/published.hpp"

#include "plugins/models/gpt3/gpt3.hpp"

namespace trellis::models {
namespace {

nn::PublishedNames gpt_neo_names() {
  const std::string layer = "transformer.h.{}.";
  const std::string attention = layer + "attn.attention.";
  nn::PublishedNames names;
  names.prefix = "transformer.";
  names.names = {
      {"tokens.weight", {"transformer.wte.weight"}},
      {"positions.weight", {"transformer.wpe.weight"}},
      {"blocks.{}.attention_norm.weight", {layer + "ln_1.weight"}},
      {"blocks.{}.attention_norm.bias", {layer + "ln_1.bias"}},
      {"blocks.{}.attention.query_key_value.weight",
       {attention + "q_proj.weight", attention + "k_proj.weight", attention + "v_proj.weight"}},
      {"blocks.{}.attention.out.weight", {attention + "out_proj.weight"}},
      {"blocks.{}.attention.out.bias", {attention + "out_proj.bias"}},
      {"blocks.{}.feed_forward_norm.weight", {layer + "ln_2.weight"}},
      {"blocks.{}.feed_forward_norm.bias", {layer + "ln_2.bias"}},
      {"blocks.{}.feed_forward.up.weight", {layer + "mlp.c_fc.weight"}},
      {"blocks.{}.feed_forward.up.bias", {layer + "mlp.c_fc.bias"}},
      {"blocks.{}.feed_forward.down.weight", {layer + "mlp.c_proj.weight"}},
      {"blocks.{}.feed_forward.down.bias", {layer + "mlp.c_proj.bias"}},
      {"final_norm.weight", {"transformer.ln_f.weight"}},
      {"final_norm.bias", {"transformer.ln_f.bias"}}};
  names.ignored = {"lm_head.weight", attention + "bias", attention + "masked_bias"};
  return names;
}

// "attention_layers" must be global at every stride-th layer, from the first on, and else local.
std::int64_t stride_of(const formats::ConfigReader& config, std::int64_t layers) {
  std::vector<std::string> kinds = config.texts({"attention_layers"});
  if (kinds.empty())
    for (std::int64_t i = 0; i < layers; ++i) kinds.emplace_back(i % 2 == 0 ? "global" : "local");
  const auto is_regular = [&](std::size_t stride) {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const bool dense = stride > 0 && i % stride == 0;
      if (kinds[i] != (dense ? "global" : "local")) return false;
    }
    return true;
  };
  if (static_cast<std::int64_t>(kinds.size()) != layers)
    config.refuse("attention_layers", "must name as many layers as num_layers");
  for (std::size_t stride = 0; stride <= kinds.size(); ++stride)
    if (is_regular(stride)) return static_cast<std::int64_t>(stride);
  config.refuse("attention_layers",
                "is not supported; \"global\" at every n-th layer from the first on, and \"local\" "
                "elsewhere, is");
}

}  // namespace

nn::PublishedModel published_gpt_neo(const formats::ConfigReader& config) {
  Gpt3Options options;
  options.vocab = config.size({"vocab_size"});
  options.context = config.size({"max_position_embeddings"});
  options.layers = config.size({"num_layers"});
  options.width = config.size({"hidden_size"});
  options.heads = config.size({"num_heads"});
  options.inner = config.size({"intermediate_size"}, 4 * options.width);
  options.epsilon = config.number({"layer_norm_epsilon"}, 1e-5);
  options.band = config.size({"window_size"}, 256);
  options.stride = stride_of(config, options.layers);
  options.scale = 1;
  options.query_key_value_bias = false;
  if (options.width % options.heads != 0) config.refuse("num_heads", "must divide hidden_size");
  config.choice({"activation_function"}, {"gelu_new", "gelu_pytorch_tanh"}, "gelu_new");
  if (!config.boolean({"tie_word_embeddings"}, true))
    config.refuse("tie_word_embeddings", "is not supported; tied ones are");
  return nn::published_decoder<Gpt3>(options, gpt_neo_names());
}

}  // namespace trellis::models

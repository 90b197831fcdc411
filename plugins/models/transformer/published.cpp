#include "plugins/models/transformer/published.hpp"

#include <fmt/format.h>

#include <cmath>

#include "plugins/models/transformer/transformer.hpp"

namespace trellis::models {
namespace {

using formats::ConfigReader;

constexpr std::int64_t kFarthest = 65536;  // distance that has a bias of its own: more is no model

// Words of one token that are never generated, such as Marian's padding.
void read_never(const ConfigReader& config, TransformerOptions& options) {
  for (const auto& word : config.token_lists({"bad_words_ids"})) {
    if (word.size() != 1) continue;
    if (word.front() >= options.vocab) config.refuse("bad_words_ids", "must lie below vocab_size");
    options.never.push_back(word.front());
  }
}

nn::PublishedModel make_model(const ConfigReader& config, TransformerOptions options,
                              nn::PublishedNames names) {
  read_never(config, options);
  if (const auto generation = config.object({"generation"})) read_never(*generation, options);
  nn::PublishedModel model;
  model.network = std::make_unique<Transformer>(options, nn::FirstWeights::none());
  model.names = std::move(names);
  model.vocab = static_cast<std::size_t>(options.vocab);
  model.context = static_cast<std::size_t>(options.context);
  model.context_is_limit = options.positions != Positions::relative;
  model.encoder_decoder = true;
  auto start = config.tokens({"decoder_start_token_id"});
  if (start.empty()) start = config.tokens({"pad_token_id"});
  if (start.empty())
    config.refuse("decoder_start_token_id", "must be the token that outputs begin after");
  if (start.front() >= options.vocab)
    config.refuse("decoder_start_token_id", "must lie below vocab_size");
  model.decoder_start = start.front();
  return model;
}

nn::PublishedNames t5_names(bool gated, bool any_head) {
  nn::PublishedNames names;
  const auto add = [&](const std::string& parameter, std::vector<std::string> tensors) {
    names.names.push_back({parameter + ".weight", std::move(tensors)});
  };
  // Sub-layers of a block: self-attention, in the decoder cross-attention, feed-forward.
  const auto attention = [&](const std::string& parameter, const std::string& layer,
                             const std::string& kind, bool cross) {
    const std::string of = layer + "." + kind + ".";
    const std::string q = of + "q.weight";
    const std::string k = of + "k.weight";
    const std::string v = of + "v.weight";
    if (cross) {
      add(parameter + ".query", {q});
      add(parameter + ".key_value", {k, v});
    } else {
      add(parameter + ".query_key_value", {q, k, v});
    }
    add(parameter + ".out", {of + "o.weight"});
    add(parameter + "_norm", {layer + ".layer_norm.weight"});
  };
  const auto feed_forward = [&](const std::string& parameter, const std::string& layer) {
    const std::string of = layer + ".DenseReluDense.";
    if (gated) {
      add(parameter + ".up", {of + "wi_0.weight", of + "wi_1.weight"});
    } else {
      add(parameter + ".up", {of + "wi.weight"});
    }
    add(parameter + ".down", {of + "wo.weight"});
    add(parameter + "_norm", {layer + ".layer_norm.weight"});
  };
  add("embedding", {"shared.weight"});
  add("out", {"lm_head.weight"});
  attention("encoder.{}.attention", "encoder.block.{}.layer.0", "SelfAttention", false);
  feed_forward("encoder.{}.feed_forward", "encoder.block.{}.layer.1");
  attention("decoder.{}.attention", "decoder.block.{}.layer.0", "SelfAttention", false);
  attention("decoder.{}.cross", "decoder.block.{}.layer.1", "EncDecAttention", true);
  feed_forward("decoder.{}.feed_forward", "decoder.block.{}.layer.2");
  for (const std::string side : {"encoder", "decoder"}) {
    add(side + "_norm", {side + ".final_layer_norm.weight"});
    // The first layer holds what all share.
    add(side + "_positions",
        {side + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight"});
    names.ignored.push_back(side + ".embed_tokens.weight");
  }
  // In files of the first versions, though nothing reads it.
  names.ignored.emplace_back(
      "decoder.block.{}.layer.{}.EncDecAttention.relative_attention_bias.weight");
  if (any_head) names.ignored.emplace_back("lm_head.weight");
  return names;
}

nn::PublishedNames marian_names() {
  nn::PublishedNames names;
  const auto add = [&](const std::string& parameter, const std::vector<std::string>& layers) {
    for (const char* kind : {".weight", ".bias"}) {
      nn::PublishedName name{parameter + kind, {}};
      for (const std::string& layer : layers) name.tensors.push_back(layer + kind);
      names.names.push_back(std::move(name));
    }
  };
  const auto block = [&](const std::string& parameter, const std::string& layer) {
    const std::string of = layer + ".self_attn.";
    add(parameter + ".attention.query_key_value", {of + "q_proj", of + "k_proj", of + "v_proj"});
    add(parameter + ".attention.out", {of + "out_proj"});
    add(parameter + ".attention_norm", {layer + ".self_attn_layer_norm"});
    add(parameter + ".feed_forward.up", {layer + ".fc1"});
    add(parameter + ".feed_forward.down", {layer + ".fc2"});
    add(parameter + ".feed_forward_norm", {layer + ".final_layer_norm"});
  };
  names.names = {{"embedding.weight", {"model.shared.weight"}},
                 {"out.bias", {"final_logits_bias"}}};
  block("encoder.{}", "model.encoder.layers.{}");
  block("decoder.{}", "model.decoder.layers.{}");
  const std::string cross = "model.decoder.layers.{}.encoder_attn";
  add("decoder.{}.cross.query", {cross + ".q_proj"});
  add("decoder.{}.cross.key_value", {cross + ".k_proj", cross + ".v_proj"});
  add("decoder.{}.cross.out", {cross + ".out_proj"});
  add("decoder.{}.cross_norm", {cross + "_layer_norm"});
  for (const std::string side : {"model.encoder.", "model.decoder."})
    for (const char* same : {"embed_tokens.weight", "embed_positions.weight"})
      names.ignored.push_back(side + same);
  names.ignored.emplace_back("lm_head.weight");
  return names;
}

// Encoder and decoder are alike but for the number of their layers.
std::int64_t shared_size(const ConfigReader& config, std::string_view encoder,
                         std::string_view decoder) {
  const std::int64_t size = config.size({encoder});
  if (config.size({decoder}, size) != size)
    config.refuse(decoder, fmt::format("must be {}, as in the encoder", size));
  return size;
}

}  // namespace

nn::PublishedModel published_t5(const ConfigReader& config) {
  TransformerOptions options;
  options.vocab = config.size({"vocab_size"});
  options.encoder_layers = config.size({"num_layers"});
  options.decoder_layers = config.size({"num_decoder_layers"}, options.encoder_layers);
  options.width = config.size({"d_model"});
  options.heads = config.size({"num_heads"});
  options.head_size = config.size({"d_kv"});
  options.inner = config.size({"d_ff"});
  options.rms_norm = true;
  options.epsilon = config.number({"layer_norm_epsilon"}, 1e-6);
  options.bias = false;
  options.embedding_scale = 1;
  options.score_scale = 1;
  options.positions = Positions::relative;
  options.relative_buckets = config.size({"relative_attention_num_buckets"}, 32);
  options.relative_max_distance = config.size({"relative_attention_max_distance"}, 128);
  if (options.relative_buckets < 4 || options.relative_buckets % 2 != 0)
    config.refuse("relative_attention_num_buckets", "must be even and at least 4");
  if (options.relative_max_distance <= options.relative_buckets / 2 ||
      options.relative_max_distance > kFarthest)
    config.refuse("relative_attention_max_distance",
                  fmt::format("must be above half of relative_attention_num_buckets and at most {}",
                              kFarthest));
  const std::string inner =
      config.choice({"feed_forward_proj"}, {"relu", "gated-gelu", "gated-silu"}, "relu");
  options.activation = inner == "relu"         ? nn::Activation::relu
                       : inner == "gated-gelu" ? nn::Activation::geglu
                                               : nn::Activation::swiglu;
  // Version 1.1 has an output layer of its own and does not scale what it reads. Newer configs say
  // both apart; a file whose head is said to be tied, and yet has one, is then refused.
  const bool tied = config.boolean({"tie_word_embeddings"}, true);
  const bool scaled = config.boolean({"scale_decoder_outputs"}, tied);
  options.tied = tied ? Tied::all : Tied::inputs;
  if (scaled) options.output_scale = 1 / std::sqrt(static_cast<double>(options.width));
  return make_model(config, options, t5_names(inner != "relu", tied && scaled));
}

nn::PublishedModel published_marian(const ConfigReader& config) {
  TransformerOptions options;
  options.vocab = config.size({"vocab_size"});
  options.context = config.size({"max_position_embeddings"});
  options.encoder_layers = config.size({"encoder_layers"});
  options.decoder_layers = config.size({"decoder_layers"});
  options.width = config.size({"d_model"});
  options.heads = shared_size(config, "encoder_attention_heads", "decoder_attention_heads");
  options.inner = shared_size(config, "encoder_ffn_dim", "decoder_ffn_dim");
  if (options.width % options.heads != 0)
    config.refuse("encoder_attention_heads", "must divide d_model");
  if (options.width % 2 != 0) config.refuse("d_model", "must be even");
  const std::string activation =
      config.choice({"activation_function"}, {"relu", "silu", "swish"}, "swish");
  options.activation = activation == "relu" ? nn::Activation::relu : nn::Activation::silu;
  options.pre_norm = false;
  options.output_bias = true;
  options.positions = Positions::sinusoid_halves;
  if (!config.boolean({"scale_embedding"}, false)) options.embedding_scale = 1;
  for (const char* key :
       {"share_encoder_decoder_embeddings", "tie_word_embeddings", "static_position_embeddings"}) {
    if (!config.boolean({key}, true)) config.refuse(key, "is not supported; true is");
  }
  for (const char* key : {"normalize_before", "normalize_embedding", "add_final_layer_norm"}) {
    if (config.boolean({key}, false)) config.refuse(key, "is not supported; false is");
  }
  if (config.size({"decoder_vocab_size"}, options.vocab) != options.vocab)
    config.refuse("decoder_vocab_size", "must be vocab_size: both sides share one matrix");
  return make_model(config, options, marian_names());
}

}  // namespace trellis::models

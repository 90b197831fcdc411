#include "plugins/models/bert/published.hpp"

#include <fmt/format.h>

#include "plugins/models/bert/bert.hpp"

namespace trellis::models {
namespace {

nn::PublishedNames bert_names() {
  const std::string embeddings = "bert.embeddings.";
  const std::string layer = "bert.encoder.layer.{}.";
  const std::string head = "cls.predictions.";
  nn::PublishedNames names;
  names.prefix = "bert.";
  const auto same = [&](const std::string& parameter, const std::string& tensor) {
    names.names.push_back({parameter, {tensor}});
  };
  const auto both = [&](const std::string& parameter, const std::string& tensor) {
    same(parameter + ".weight", tensor + ".weight");
    same(parameter + ".bias", tensor + ".bias");
  };
  same("tokens.weight", embeddings + "word_embeddings.weight");
  same("positions.weight", embeddings + "position_embeddings.weight");
  same("segments.weight", embeddings + "token_type_embeddings.weight");
  both("embedding_norm", embeddings + "LayerNorm");
  const std::string attention = layer + "attention.self.";
  for (const std::string kind : {"weight", "bias"})
    names.names.push_back(
        {fmt::format("blocks.{{}}.attention.query_key_value.{}", kind),
         {attention + "query." + kind, attention + "key." + kind, attention + "value." + kind}});
  both("blocks.{}.attention.out", layer + "attention.output.dense");
  both("blocks.{}.attention_norm", layer + "attention.output.LayerNorm");
  both("blocks.{}.feed_forward.up", layer + "intermediate.dense");
  both("blocks.{}.feed_forward.down", layer + "output.dense");
  both("blocks.{}.feed_forward_norm", layer + "output.LayerNorm");
  both("transform", head + "transform.dense");
  both("transform_norm", head + "transform.LayerNorm");
  same("out.bias", head + "bias");
  names.older = {{"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}};
  names.ignored = {embeddings + "position_ids", "bert.pooler.dense.weight",
                   "bert.pooler.dense.bias",    head + "decoder.weight",
                   head + "decoder.bias",       "cls.seq_relationship.weight",
                   "cls.seq_relationship.bias"};
  return names;
}

}  // namespace

nn::PublishedModel published_bert(const formats::ConfigReader& config) {
  BertOptions options;
  options.vocab = config.size({"vocab_size"});
  options.context = config.size({"max_position_embeddings"});
  options.layers = config.size({"num_hidden_layers"});
  options.width = config.size({"hidden_size"});
  options.heads = config.size({"num_attention_heads"});
  options.inner = config.size({"intermediate_size"});
  options.segments = config.size({"type_vocab_size"}, 2);
  options.epsilon = config.number({"layer_norm_eps"}, 1e-12);
  if (options.width % options.heads != 0)
    config.refuse("num_attention_heads", "must divide hidden_size");
  config.choice({"hidden_act"}, {"gelu"}, "gelu");
  config.choice({"position_embedding_type"}, {"absolute"}, "absolute");
  if (config.boolean({"is_decoder"}, false))
    config.refuse("is_decoder", "is not supported; models that read both ways are");
  if (!config.boolean({"tie_word_embeddings"}, true))
    config.refuse("tie_word_embeddings", "is not supported; tied ones are");
  nn::PublishedModel model = nn::published_decoder<Bert>(options, bert_names());
  model.masked = true;
  return model;
}

}  // namespace trellis::models

/// The plugin `llama`: its settings, and the network made of them.
#include "core/nn/plugin_model.hpp"
#include "core/nn/training_options.hpp"
#include "plugins/models/llama/llama.hpp"
#include "plugins/models/llama/published.hpp"

namespace {

using namespace trellis;

struct LlamaPlugin {
  static sdk::Json description() {
    return {{"id", "llama"},
            {"kind", "model"},
            {"version", "1.0.0"},
            {"summary", "A decoder-only Transformer with rotary positions, RMS norms and gates."},
            {"reference", "Touvron et al. 2023"},
            {"settings", settings()}};
  }

  static sdk::Json settings() {
    return nn::model_settings(
        {nn::size_setting("layers", 4, "Blocks of self-attention and feed-forward network."),
         nn::size_setting("width", 256, "Size of the vectors between blocks."),
         nn::divisor_setting("heads", 4, "width",
                             "Attention heads; must divide width into even sizes."),
         nn::divisor_setting("kv_heads", 2, "heads",
                             "Heads of keys and values, which queries share; must divide heads."),
         nn::size_setting("inner", 688, "Size of the feed-forward network's hidden layer."),
         nn::size_setting("context", 256,
                          "Tokens that the model can see, source and start symbol included."),
         nn::number_setting("rotary_base", "architecture", 10000, 1, 1e9,
                            "Base of the rotary positions' wavelengths."),
         nn::boolean_setting("tied_embeddings", "architecture", true,
                             "One matrix for the tokens and the output layer.")},
        {.schedule = "cosine", .weight_decay = 0.01}, {nn::learn_source_setting()});
  }

  static nn::Architecture architecture(const sdk::Json& settings) {
    models::LlamaOptions options;
    options.layers = settings.at("layers");
    options.width = settings.at("width");
    options.heads = settings.at("heads");
    options.kv_heads = settings.at("kv_heads");
    options.inner = settings.at("inner");
    options.rotary_base = settings.at("rotary_base");
    options.tied_embeddings = settings.at("tied_embeddings");
    options.context = settings.at("context");
    if (options.width % (2 * options.heads) != 0) {
      throw sdk::Failure(TRELLIS_INVALID_ARGUMENT, "heads must divide width into even sizes");
    }
    return nn::decoder_architecture<models::Llama>(settings, options);
  }

  static std::vector<std::string> published_types() { return {"llama", "qwen2"}; }

  static nn::PublishedModel published(const formats::ConfigReader& config) {
    return models::published_llama(config);
  }
};

}  // namespace

namespace trellis::models {

sdk::Offer llama_offer() {
  return sdk::model_factory<nn::PluginModel<LlamaPlugin>>();
}

}  // namespace trellis::models

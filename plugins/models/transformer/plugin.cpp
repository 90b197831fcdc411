/// The plugin `transformer`: its settings, and the network made of them.
#include "core/nn/plugin_model.hpp"
#include "core/nn/training_options.hpp"
#include "plugins/models/transformer/published.hpp"
#include "plugins/models/transformer/transformer.hpp"

namespace {

using namespace trellis;

struct TransformerPlugin {
  static sdk::Json description() {
    return {{"id", "transformer"},
            {"kind", "model"},
            {"version", "1.0.0"},
            {"summary", "The encoder-decoder Transformer, with sinusoidal positions."},
            {"reference", "Vaswani et al. 2017"},
            {"settings", settings()}};
  }

  static sdk::Json settings() {
    return nn::model_settings(
        {nn::size_setting("encoder_layers", 3, "Blocks of the encoder."),
         nn::size_setting("decoder_layers", 3, "Blocks of the decoder."),
         nn::size_setting("width", 256, "Size of the vectors between blocks."),
         nn::divisor_setting("heads", 4, "width", "Attention heads; must divide width."),
         nn::size_setting("inner", 1024, "Size of the feed-forward network's hidden layer."),
         nn::size_setting("context", 256, "Tokens on either side that the model can see."),
         nn::choice_setting("norm", "architecture", "pre", {"pre", "post"},
                            "Normalise before each sub-layer, or after it as in the paper."),
         nn::boolean_setting("tied_embeddings", "architecture", true,
                             "One matrix for source, target and output.")},
        {.schedule = "inverse_sqrt", .warmup_steps = 400, .label_smoothing = 0.1});
  }

  static nn::Architecture architecture(const sdk::Json& settings) {
    models::TransformerOptions options;
    options.encoder_layers = settings.at("encoder_layers");
    options.decoder_layers = settings.at("decoder_layers");
    options.width = settings.at("width");
    options.heads = settings.at("heads");
    options.inner = settings.at("inner");
    options.context = settings.at("context");
    options.pre_norm = settings.at("norm") == "pre";
    if (!settings.at("tied_embeddings").get<bool>()) {
      options.tied = models::Tied::none;
      options.output_bias = true;
    }
    nn::Architecture architecture;
    architecture.encoder_decoder = true;
    architecture.context = static_cast<std::size_t>(options.context);
    architecture.max_source_tokens = settings.at("max_source_tokens");
    architecture.make = [options](std::int64_t vocab, std::uint64_t seed) mutable {
      options.vocab = vocab;
      return std::make_unique<models::Transformer>(options, seed);
    };
    return architecture;
  }

  static std::vector<std::string> published_types() { return {"marian", "t5"}; }

  static nn::PublishedModel published(const formats::ConfigReader& config) {
    return config.text({"model_type"}) == "t5" ? models::published_t5(config)
                                               : models::published_marian(config);
  }
};

}  // namespace

namespace trellis::models {

sdk::Offer transformer_offer() {
  return sdk::model_factory<nn::PluginModel<TransformerPlugin>>();
}

}  // namespace trellis::models

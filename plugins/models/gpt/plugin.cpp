/// The plugin `gpt`: its settings, and the network made of them.
#include "core/nn/plugin_model.hpp"
#include "core/nn/training_options.hpp"
#include "plugins/models/gpt/gpt.hpp"
#include "plugins/models/gpt/published.hpp"

namespace {

using namespace trellis;

struct GptPlugin {
  static sdk::Json description() {
    return {{"id", "gpt"},
            {"kind", "model"},
            {"version", "1.0.0"},
            {"summary", "A decoder-only Transformer, pre-norm, with learned positions."},
            {"reference", "Radford et al. 2019"},
            {"settings", settings()}};
  }

  static sdk::Json settings() {
    return nn::model_settings(
        {nn::size_setting("layers", 4, "Blocks of self-attention and feed-forward network."),
         nn::size_setting("width", 256, "Size of the vectors between blocks."),
         nn::divisor_setting("heads", 4, "width", "Attention heads; must divide width."),
         nn::size_setting("inner", 1024, "Size of the feed-forward network's hidden layer."),
         nn::size_setting("context", 256,
                          "Tokens that the model can see, source and start symbol included.")},
        {.schedule = "cosine", .weight_decay = 0.01}, {nn::learn_source_setting()});
  }

  static nn::Architecture architecture(const sdk::Json& settings) {
    models::GptOptions options;
    options.layers = settings.at("layers");
    options.width = settings.at("width");
    options.heads = settings.at("heads");
    options.inner = settings.at("inner");
    options.context = settings.at("context");
    return nn::decoder_architecture<models::Gpt>(settings, options);
  }

  static std::vector<std::string> published_types() { return {"gpt2"}; }

  static nn::PublishedModel published(const formats::ConfigReader& config) {
    return models::published_gpt2(config);
  }
};

}  // namespace

namespace trellis::models {

sdk::Offer gpt_offer() {
  return sdk::model_factory<nn::PluginModel<GptPlugin>>();
}

}  // namespace trellis::models

/// The plugin `pangu`: its settings, and the network made of them.
#include "core/nn/plugin_model.hpp"
#include "core/nn/training_options.hpp"
#include "plugins/models/pangu/pangu.hpp"

namespace {

using namespace trellis;

struct PanguPlugin {
  static sdk::Json description() {
    return {{"id", "pangu"},
            {"kind", "model"},
            {"version", "1.0.0"},
            {"summary", "GPT with a query layer on top: the place of the next token asks."},
            {"reference", "Zeng et al. 2021"},
            {"settings", settings()}};
  }

  static sdk::Json settings() {
    return nn::model_settings(
        {nn::size_setting("layers", 3, "Blocks below the query layer."),
         nn::size_setting("width", 256, "Size of the vectors between blocks."),
         nn::divisor_setting("heads", 4, "width", "Attention heads; must divide width."),
         nn::size_setting("inner", 1024, "Size of the feed-forward network's hidden layer."),
         nn::size_setting("context", 256,
                          "Tokens that the model can see, source and start symbol included.")},
        {.schedule = "cosine", .weight_decay = 0.01}, {nn::learn_source_setting()});
  }

  static nn::Architecture architecture(const sdk::Json& settings) {
    models::PanguOptions options;
    options.layers = settings.at("layers");
    options.width = settings.at("width");
    options.heads = settings.at("heads");
    options.inner = settings.at("inner");
    options.context = settings.at("context");
    return nn::decoder_architecture<models::Pangu>(settings, options);
  }
};

}  // namespace

namespace trellis::models {

sdk::Offer pangu_offer() {
  return sdk::model_factory<nn::PluginModel<PanguPlugin>>();
}

}  // namespace trellis::models

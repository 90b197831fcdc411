/// The plugin `gpt3`: its settings, and the network made of them.
#include "core/nn/plugin_model.hpp"
#include "core/nn/training_options.hpp"
#include "plugins/models/gpt3/gpt3.hpp"
#include "plugins/models/gpt3/published.hpp"

namespace {

using namespace trellis;

struct Gpt3Plugin {
  static sdk::Json description() {
    return {{"id", "gpt3"},
            {"kind", "model"},
            {"version", "1.0.0"},
            {"summary", "GPT with dense and locally banded sparse attention by turns."},
            {"reference", "Brown et al. 2020; Child et al. 2019"},
            {"settings", settings()}};
  }

  static sdk::Json settings() {
    return nn::model_settings(
        {nn::size_setting("layers", 4, "Blocks of self-attention and feed-forward network."),
         nn::size_setting("width", 256, "Size of the vectors between blocks."),
         nn::divisor_setting("heads", 4, "width", "Attention heads; must divide width."),
         nn::size_setting("inner", 1024, "Size of the feed-forward network's hidden layer."),
         nn::size_setting("band", 64, "Tokens that a banded layer sees, the newest included."),
         nn::integer_setting(
             "stride", "architecture", 2, 0, 65536,
             "Every stride-th layer is dense, from the first on; 0 for none, 1 for all."),
         nn::size_setting("context", 256,
                          "Tokens that the model can see, source and start symbol included.")},
        {.schedule = "cosine", .weight_decay = 0.01}, {nn::learn_source_setting()});
  }

  static nn::Architecture architecture(const sdk::Json& settings) {
    models::Gpt3Options options;
    options.layers = settings.at("layers");
    options.width = settings.at("width");
    options.heads = settings.at("heads");
    options.inner = settings.at("inner");
    options.band = settings.at("band");
    options.stride = settings.at("stride");
    options.context = settings.at("context");
    return nn::decoder_architecture<models::Gpt3>(settings, options);
  }

  static std::vector<std::string> published_types() { return {"gpt_neo"}; }

  static nn::PublishedModel published(const formats::ConfigReader& config) {
    return models::published_gpt_neo(config);
  }
};

}  // namespace

namespace trellis::models {

sdk::Offer gpt3_offer() {
  return sdk::model_factory<nn::PluginModel<Gpt3Plugin>>();
}

}  // namespace trellis::models

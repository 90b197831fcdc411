/// The plugin `wudao`: its settings, and the network made of them.
#include <utility>

#include "core/nn/plugin_model.hpp"
#include "core/nn/training_options.hpp"
#include "plugins/models/llama/published.hpp"
#include "plugins/models/wudao/wudao.hpp"

namespace {

using namespace trellis;

struct WudaoPlugin {
  static sdk::Json description() {
    return {{"id", "wudao"},
            {"kind", "model"},
            {"version", "1.0.0"},
            {"summary", "GPT with mixtures of experts in some of its layers."},
            {"reference", "He et al. 2021 (FastMoE); Fedus et al. 2021"},
            {"settings", settings()}};
  }

  static sdk::Json settings() {
    sdk::Json top_k = nn::size_setting("top_k", 2, "Experts that a token goes through.");
    top_k["at_most"] = "experts";
    return nn::model_settings(
        {nn::size_setting("layers", 4, "Blocks of self-attention and feed-forward network."),
         nn::size_setting("width", 256, "Size of the vectors between blocks."),
         nn::divisor_setting("heads", 4, "width", "Attention heads; must divide width."),
         nn::size_setting("inner", 1024, "Size of the feed-forward network's hidden layer."),
         nn::size_setting("experts", 8, "Experts of a mixture."), std::move(top_k),
         nn::size_setting("mixture_stride", 2,
                          "The last of every so many layers has experts; 1 for all."),
         nn::number_setting("capacity_factor", "training", 1.25, 0, 1000,
                            "Most tokens of an expert in a batch, in even shares; 0 for no limit."),
         nn::number_setting("balance", "training", 0.01, 0, 1000,
                            "Weight of the loss that spreads tokens over experts."),
         nn::size_setting("context", 256,
                          "Tokens that the model can see, source and start symbol included.")},
        {.schedule = "cosine", .weight_decay = 0.01}, {nn::learn_source_setting()});
  }

  static nn::Architecture architecture(const sdk::Json& settings) {
    models::WudaoOptions options;
    options.layers = settings.at("layers");
    options.width = settings.at("width");
    options.heads = settings.at("heads");
    options.inner = settings.at("inner");
    options.experts = settings.at("experts");
    options.top_k = settings.at("top_k");
    options.mixture_stride = settings.at("mixture_stride");
    options.capacity_factor = settings.at("capacity_factor");
    options.balance = settings.at("balance");
    options.context = settings.at("context");
    return nn::decoder_architecture<models::Wudao>(settings, options);
  }

  static std::vector<std::string> published_types() { return {"mixtral"}; }

  static nn::PublishedModel published(const formats::ConfigReader& config) {
    return models::published_mixtral(config);
  }
};

}  // namespace

namespace trellis::models {

sdk::Offer wudao_offer() {
  return sdk::model_factory<nn::PluginModel<WudaoPlugin>>();
}

}  // namespace trellis::models

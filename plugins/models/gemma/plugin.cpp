/// The plugin `gemma`: its settings, and the network made of them.
#include "core/nn/plugin_model.hpp"
#include "core/nn/training_options.hpp"
#include "plugins/models/gemma/gemma.hpp"
#include "plugins/models/gemma/published.hpp"

namespace {

using namespace trellis;

struct GemmaPlugin {
  static sdk::Json description() {
    return {{"id", "gemma"},
            {"kind", "model"},
            {"version", "1.0.0"},
            {"summary", "A decoder-only Transformer with local and global attention by turns."},
            {"reference", "Gemma Team 2025"},
            {"settings", settings()}};
  }

  static sdk::Json settings() {
    return nn::model_settings(
        {nn::size_setting("layers", 6, "Blocks of self-attention and feed-forward network."),
         nn::size_setting("width", 256, "Size of the vectors between blocks."),
         nn::size_setting("heads", 4, "Attention heads."),
         nn::divisor_setting("kv_heads", 1, "heads",
                             "Heads of keys and values, which queries share; must divide heads."),
         nn::size_setting("head_size", 64, "Size of a head; must be even."),
         nn::size_setting("inner", 768, "Size of the feed-forward network's hidden layer."),
         nn::size_setting("window", 64, "Tokens that a local layer sees, the newest included."),
         nn::size_setting("global_stride", 6,
                          "The last of every so many layers is global; 1 for all."),
         nn::size_setting("context", 256,
                          "Tokens that the model can see, source and start symbol included."),
         nn::number_setting("rotary_base", "architecture", 10000, 1, 1e9,
                            "Base of the rotary positions' wavelengths in local layers."),
         nn::number_setting("global_rotary_base", "architecture", 1e6, 1, 1e9,
                            "The same in global layers.")},
        {.schedule = "cosine", .weight_decay = 0.01}, {nn::learn_source_setting()});
  }

  static nn::Architecture architecture(const sdk::Json& settings) {
    models::GemmaOptions options;
    options.width = settings.at("width");
    options.heads = settings.at("heads");
    options.kv_heads = settings.at("kv_heads");
    options.head_size = settings.at("head_size");
    options.inner = settings.at("inner");
    options.window = settings.at("window");
    options.context = settings.at("context");
    const std::int64_t layers = settings.at("layers");
    const std::int64_t stride = settings.at("global_stride");
    for (std::int64_t i = 0; i < layers; ++i) options.local.push_back((i + 1) % stride != 0);
    if (options.head_size % 2 != 0) {
      throw sdk::Failure(TRELLIS_INVALID_ARGUMENT, "head_size must be even");
    }
    const auto head_size = static_cast<std::size_t>(options.head_size);
    options.local_turns = kernels::rotary_frequencies(settings.at("rotary_base"), head_size);
    options.global_turns =
        kernels::rotary_frequencies(settings.at("global_rotary_base"), head_size);
    return nn::decoder_architecture<models::Gemma>(settings, options);
  }

  static std::vector<std::string> published_types() { return {"gemma3_text"}; }

  static nn::PublishedModel published(const formats::ConfigReader& config) {
    return models::published_gemma(config);
  }
};

}  // namespace

namespace trellis::models {

sdk::Offer gemma_offer() {
  return sdk::model_factory<nn::PluginModel<GemmaPlugin>>();
}

}  // namespace trellis::models

/// The plugin `transformer`: its settings, and the network made of them.
#include "core/nn/plugin_model.hpp"
#include "core/nn/training_options.hpp"
#include "plugins/models/transformer/transformer.hpp"

namespace {

using namespace trellis;

struct TransformerPlugin {
  static sdk::Json description() {
    auto settings = sdk::Json::array();
    const auto integer = [&](const char* name, std::int64_t value, const char* summary) {
      settings.push_back(nn::integer_setting(name, "architecture", value, 1, 65536, summary));
    };
    integer("encoder_layers", 3, "Blocks of the encoder.");
    integer("decoder_layers", 3, "Blocks of the decoder.");
    integer("width", 256, "Size of the vectors between blocks.");
    integer("heads", 4, "Attention heads; must divide width.");
    integer("inner", 1024, "Size of the feed-forward network's hidden layer.");
    integer("context", 256, "Tokens on either side that the model can see.");
    settings.push_back(nn::choice_setting("norm", "architecture", "pre", {"pre", "post"},
                                          "Normalise before each sub-layer, or after it as in "
                                          "the paper."));
    settings.push_back(nn::boolean_setting("tied_embeddings", "architecture", true,
                                           "One matrix for source, target and output."));
    settings.push_back(nn::max_source_setting());
    for (const auto& list :
         {nn::tokenizer_settings(),
          nn::training_settings(
              {.schedule = "inverse_sqrt", .warmup_steps = 400, .label_smoothing = 0.1})}) {
      settings.insert(settings.end(), list.begin(), list.end());
    }
    return {{"id", "transformer"},
            {"kind", "model"},
            {"version", "1.0.0"},
            {"summary", "The encoder-decoder Transformer, with sinusoidal positions."},
            {"reference", "Vaswani et al. 2017"},
            {"settings", settings}};
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
    options.tied_embeddings = settings.at("tied_embeddings");
    if (options.width % options.heads != 0) {
      throw sdk::Failure(TRELLIS_INVALID_ARGUMENT, "heads must divide width");
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
};

}  // namespace

TRELLIS_PLUGIN(sdk::model_factory<nn::PluginModel<TransformerPlugin>>());

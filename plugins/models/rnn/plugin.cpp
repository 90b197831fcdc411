/// The plugin `rnn`: its settings, and the network made of them.
#include "core/nn/plugin_model.hpp"
#include "core/nn/training_options.hpp"
#include "plugins/models/rnn/encoder_decoder.hpp"
#include "plugins/models/rnn/language_model.hpp"

namespace {

using namespace trellis;

struct RnnPlugin {
  static sdk::Json description() {
    return {{"id", "rnn"},
            {"kind", "model"},
            {"version", "1.1.0"},
            {"summary", "Recurrent models: tanh, LSTM and GRU; with and without an encoder."},
            {"reference", "Hochreiter, Schmidhuber 1997; Cho et al. 2014; Bahdanau et al. 2015"},
            {"settings", settings()}};
  }

  static sdk::Json settings() {
    return nn::model_settings(
        {nn::choice_setting("cell", "architecture", "lstm", {"rnn", "lstm", "gru"},
                            "What a step computes; rnn is the plain tanh cell."),
         nn::choice_setting("architecture", "architecture", "encoder_decoder",
                            {"encoder_decoder", "language_model"},
                            "Read the source with an encoder, or as the beginning of the text."),
         nn::choice_setting("attention", "architecture", "bahdanau", {"bahdanau", "luong", "none"},
                            "How the decoder looks at the source."),
         nn::size_setting("layers", 1, "Stacked layers, in encoder and decoder alike."),
         nn::size_setting("embedding", 256, "Size of the tokens' vectors."),
         nn::size_setting("hidden", 256, "Size of the state."),
         nn::boolean_setting("tied_embeddings", "architecture", false,
                             "One matrix for source, target and output, after one more layer."),
         nn::size_setting("context", 256,
                          "Longest training text in tokens: longer ones are cut to windows.")},
        {.schedule = "cosine", .dropout = 0.2}, {nn::learn_source_setting()});
  }

  static nn::Architecture architecture(const sdk::Json& settings) {
    models::RnnOptions options;
    options.cell = nn::cell_from_name(settings.at("cell"));
    options.layers = settings.at("layers");
    options.embedding = settings.at("embedding");
    options.hidden = settings.at("hidden");
    options.tied_embeddings = settings.at("tied_embeddings");
    nn::Architecture architecture;
    architecture.encoder_decoder = settings.at("architecture") == "encoder_decoder";
    architecture.context = settings.at("context");
    architecture.context_is_limit = false;
    architecture.max_source_tokens = settings.at("max_source_tokens");
    architecture.learn_source = settings.at("learn_source");
    const auto attention = models::attention_from_name(settings.at("attention"));
    architecture.make = [options, attention, with_encoder = architecture.encoder_decoder](
                            std::int64_t vocab,
                            std::uint64_t seed) mutable -> std::unique_ptr<nn::Network> {
      options.vocab = vocab;
      if (with_encoder) {
        return std::make_unique<models::RnnEncoderDecoder>(options, attention, seed);
      }
      return std::make_unique<models::RnnLanguageModel>(options, seed);
    };
    return architecture;
  }
};

}  // namespace

namespace trellis::models {

sdk::Offer rnn_offer() {
  return sdk::model_factory<nn::PluginModel<RnnPlugin>>();
}

}  // namespace trellis::models

/// The plugin `rnn`: its settings, and the network made of them.
#include "core/nn/plugin_model.hpp"
#include "core/nn/training_options.hpp"
#include "plugins/models/rnn/encoder_decoder.hpp"
#include "plugins/models/rnn/language_model.hpp"

namespace {

using namespace trellis;

struct RnnPlugin {
  static sdk::Json description() {
    auto settings = sdk::Json::array();
    settings.push_back(nn::choice_setting("cell", "architecture", "lstm", {"rnn", "lstm", "gru"},
                                          "What a step computes; rnn is the plain tanh cell."));
    settings.push_back(nn::choice_setting(
        "architecture", "architecture", "encoder_decoder", {"encoder_decoder", "language_model"},
        "Read the source with an encoder, or as the beginning of the text."));
    settings.push_back(nn::choice_setting("attention", "architecture", "bahdanau",
                                          {"bahdanau", "luong", "none"},
                                          "How the decoder looks at the source."));
    const auto integer = [&](const char* name, std::int64_t value, const char* summary) {
      settings.push_back(nn::integer_setting(name, "architecture", value, 1, 65536, summary));
    };
    integer("layers", 1, "Stacked layers, in encoder and decoder alike.");
    integer("embedding", 256, "Size of the tokens' vectors.");
    integer("hidden", 256, "Size of the state.");
    integer("context", 256, "Longest training text in tokens: longer ones are cut to windows.");
    settings.push_back(nn::max_source_setting());
    for (const auto& list : {nn::tokenizer_settings(),
                             nn::training_settings({.schedule = "cosine", .dropout = 0.2})}) {
      settings.insert(settings.end(), list.begin(), list.end());
    }
    settings.push_back(nn::learn_source_setting());
    return {{"id", "rnn"},
            {"kind", "model"},
            {"version", "1.0.0"},
            {"summary", "Recurrent models: tanh, LSTM and GRU; with and without an encoder."},
            {"reference", "Hochreiter, Schmidhuber 1997; Cho et al. 2014; Bahdanau et al. 2015"},
            {"settings", settings}};
  }

  static nn::Architecture architecture(const sdk::Json& settings) {
    models::RnnOptions options;
    options.cell = nn::cell_from_name(settings.at("cell"));
    options.layers = settings.at("layers");
    options.embedding = settings.at("embedding");
    options.hidden = settings.at("hidden");
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

TRELLIS_PLUGIN(sdk::model_factory<nn::PluginModel<RnnPlugin>>());

/// The plugin `bert`: its settings, and the network made of them.
#include "core/nn/plugin_model.hpp"
#include "core/nn/training_options.hpp"
#include "core/text/tokenizer.hpp"
#include "plugins/models/bert/bert.hpp"
#include "plugins/models/bert/published.hpp"

namespace {

using namespace trellis;

struct BertPlugin {
  static sdk::Json description() {
    return {{"id", "bert"},
            {"kind", "model"},
            {"version", "1.0.0"},
            {"summary", "A Transformer that reads both ways and fills in masked places."},
            {"reference", "Devlin et al. 2019"},
            {"masked_prediction", true},
            {"settings", settings()}};
  }

  static sdk::Json settings() {
    sdk::Json gap_mark = {{"name", "gap_mark"},
                          {"type", "string"},
                          {"group", "architecture"},
                          {"default", "___"},
                          {"summary", "What stands in a source where the output belongs."}};
    return nn::model_settings(
        {nn::size_setting("layers", 4, "Blocks of self-attention and feed-forward network."),
         nn::size_setting("width", 256, "Size of the vectors between blocks."),
         nn::divisor_setting("heads", 4, "width", "Attention heads; must divide width."),
         nn::size_setting("inner", 1024, "Size of the feed-forward network's hidden layer."),
         nn::integer_setting("context", "architecture", 256, 8, 65536,
                             "Tokens that the model can see, output and symbols included."),
         std::move(gap_mark)},
        {.schedule = "linear", .weight_decay = 0.01},
        {nn::choice_setting("masking", "training", "tokens", {"tokens", "gap"},
                            "What is masked: a share of all tokens, or any number of the gap's."),
         nn::number_setting("mask_share", "training", 0.15, 0.01, 1,
                            "The share of tokens that is masked and learned."),
         nn::number_setting("length_share", "training", 0.2, 0, 0.9,
                            "The share of texts of which the gap's length is learned instead.")});
  }

  static nn::Architecture architecture(const sdk::Json& settings) {
    models::BertOptions options;
    options.layers = settings.at("layers");
    options.width = settings.at("width");
    options.heads = settings.at("heads");
    options.inner = settings.at("inner");
    options.context = settings.at("context");
    options.separator = text::kSeparator;
    options.masking.kind =
        settings.at("masking") == "gap" ? models::Masking::gap : models::Masking::tokens;
    options.masking.share = settings.at("mask_share");
    options.masking.lengths = settings.at("length_share");
    nn::Architecture architecture;
    architecture.context = static_cast<std::size_t>(options.context);
    architecture.max_source_tokens = settings.at("max_source_tokens");
    architecture.masked = true;
    architecture.gap_mark = settings.at("gap_mark");
    architecture.knows_length = options.masking.lengths > 0;
    architecture.make = [options](std::int64_t vocab, std::uint64_t seed) mutable {
      options.vocab = vocab;
      return std::make_unique<models::Bert>(options, seed);
    };
    return architecture;
  }

  static std::vector<std::string> published_types() { return {"bert"}; }

  static nn::PublishedModel published(const formats::ConfigReader& config) {
    return models::published_bert(config);
  }
};

}  // namespace

namespace trellis::models {

sdk::Offer bert_offer() {
  return sdk::model_factory<nn::PluginModel<BertPlugin>>();
}

}  // namespace trellis::models

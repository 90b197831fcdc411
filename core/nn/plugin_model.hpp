/// A LanguageModel as a plugin: what rnn, transformer and gpt need besides their networks.
///
///   struct GptPlugin {
///     static sdk::Json description();                                  // trellis/abi/entry.h
///     static nn::Architecture architecture(const sdk::Json& settings);
///   };
///   TRELLIS_PLUGIN(sdk::model_factory<nn::PluginModel<GptPlugin>>());
///
/// A plugin that reads published checkpoints has besides
///     static std::vector<std::string> published_types();  // "model_type" of their config.json
///     static nn::PublishedModel published(const formats::ConfigReader& config);
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/nn/language_model.hpp"
#include "trellis/sdk/model.hpp"

namespace trellis::nn {

/// Translates between the SDK's classes and LanguageModel.
class SdkModel : public sdk::Model,
                 public sdk::Trainable,
                 public sdk::Attentive,
                 public sdk::Spelling {
 public:
  explicit SdkModel(LanguageModel model);

  sdk::Json describe() const override { return model_.describe(); }
  sdk::PromptTokens encode_prompt(std::string_view source, std::string_view prefix) const override;
  std::vector<std::int32_t> encode(std::string_view text) const override;
  std::string decode(std::span<const std::int32_t> tokens) const override;
  std::string token_text(std::int32_t token) const override;
  std::string token_bytes(std::int32_t token) const override;
  std::unique_ptr<sdk::State> open_state(std::span<const std::int32_t> encoder_tokens) override;
  std::unique_ptr<sdk::State> fork_state(const sdk::State& state) override;
  void feed(std::span<trellis_feed_item> items) override;
  void train(const trellis_train_request& request) override;
  void save(const std::filesystem::path& folder) const override;
  void attend(std::span<const std::int32_t> encoder_tokens, std::span<const std::int32_t> tokens,
              trellis_attention_sink& sink) override;

 private:
  LanguageModel model_;
};

/// Throws Error(usage) unless the plugin knows published models of this type.
void check_published_type(const std::string& plugin, const std::vector<std::string>& known,
                          const std::string& type, const std::filesystem::path& folder);

template <typename Plugin>
struct PluginModel {
  static sdk::Json description() {
    sdk::Json json = Plugin::description();
    json["published_types"] = published_types();
    return json;
  }

  static std::unique_ptr<sdk::Model> create(const sdk::Json& settings) {
    return std::make_unique<SdkModel>(
        LanguageModel(id(), settings, Plugin::architecture(settings)));
  }

  static std::unique_ptr<sdk::Model> load(const std::filesystem::path& folder) {
    if (formats::is_checkpoint(folder)) return load_published(folder);
    const auto settings = LanguageModel::saved_settings(id(), folder);
    LanguageModel model(id(), settings, Plugin::architecture(settings));
    model.load(folder);
    return std::make_unique<SdkModel>(std::move(model));
  }

 private:
  static std::vector<std::string> published_types() {
    if constexpr (requires { Plugin::published_types(); }) return Plugin::published_types();
    return {};
  }

  static std::unique_ptr<sdk::Model> load_published(const std::filesystem::path& folder) {
    check_published_type(id(), published_types(), formats::checkpoint_type(folder), folder);
    if constexpr (requires { Plugin::published_types(); }) {
      formats::Checkpoint checkpoint = formats::open_checkpoint(folder);
      PublishedModel published = Plugin::published(checkpoint.reader());
      return std::make_unique<SdkModel>(
          LanguageModel::from_published(id(), std::move(checkpoint), std::move(published)));
    }
    return nullptr;
  }

  static std::string id() { return Plugin::description().at("id").template get<std::string>(); }
};

}  // namespace trellis::nn

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
                 public sdk::Spelling,
                 public sdk::Routing {
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
  void count_experts(std::span<const std::int32_t> encoder_tokens,
                     std::span<const std::int32_t> tokens, trellis_expert_use_sink& sink) override;

 private:
  LanguageModel model_;
};

/// What is given to a model that is trained further: the settings of architecture and tokenizer are
/// those of the `loaded` model, and a published one has none of them. `descriptions`: the plugin's.
nlohmann::json settings_of_tuning(const nlohmann::json& descriptions, const LanguageModel& loaded,
                                  nlohmann::json given);

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
    const std::string base = settings.at("init_from");
    if (base.empty())
      return std::make_unique<SdkModel>(
          LanguageModel(id(), settings, Plugin::architecture(settings)));
    LanguageModel model = open(base);
    model.tune(settings_of_tuning(Plugin::description().at("settings"), model, settings), base);
    return std::make_unique<SdkModel>(std::move(model));
  }

  static std::unique_ptr<sdk::Model> load(const std::filesystem::path& folder) {
    return std::make_unique<SdkModel>(open(folder));
  }

 private:
  static LanguageModel open(const std::filesystem::path& path) {
    if (formats::is_checkpoint(path)) return open_published(path);
    const SavedModel saved = read_saved_model(id(), path);
    if (saved.base) {
      LanguageModel model = open(find_base(saved));
      model.load_changes(saved);
      return model;
    }
    if (!saved.published.is_null()) return open_tuned(saved);
    LanguageModel model(id(), saved.settings, Plugin::architecture(saved.settings));
    model.load(saved);
    return model;
  }

  static std::vector<std::string> published_types() {
    if constexpr (requires { Plugin::published_types(); }) return Plugin::published_types();
    return {};
  }

  static LanguageModel open_published(const std::filesystem::path& path) {
    check_published_type(id(), published_types(), formats::checkpoint_type(path), path);
    formats::Checkpoint checkpoint = formats::open_checkpoint(path);
    PublishedModel published = make_published(checkpoint.reader());
    return LanguageModel::from_published(id(), std::move(checkpoint), std::move(published));
  }

  static LanguageModel open_tuned(const SavedModel& saved) {
    const formats::ConfigReader config(saved.published, saved.folder / "model.json");
    check_published_type(id(), published_types(), config.text({"model_type"}), saved.folder);
    return LanguageModel::from_tuned(id(), saved, make_published(config));
  }

  static PublishedModel make_published(const formats::ConfigReader& config) {
    if constexpr (requires { Plugin::published_types(); }) return Plugin::published(config);
    return {};  // not reached: no type was known
  }

  static std::string id() { return Plugin::description().at("id").template get<std::string>(); }
};

}  // namespace trellis::nn

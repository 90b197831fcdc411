/// A network with its vocabulary: text in, tokens and logits out; training, saving, loading.
///
/// All that the plugins of models but ngram share. Not thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/nn/network.hpp"
#include "core/nn/prompt_form.hpp"
#include "core/nn/published_weights.hpp"
#include "core/nn/saved_model.hpp"
#include "core/nn/trainer.hpp"
#include "core/text/tokenizer.hpp"

namespace trellis::nn {

/// What a plugin makes of its settings.
struct Architecture {
  bool encoder_decoder = false;
  std::size_t context = 256;     ///< decoder tokens in training: longer texts are cut to windows
  bool context_is_limit = true;  ///< false: generation may go on for ever
  std::size_t max_source_tokens = 0;  ///< 0: `context` with an encoder, half of it without
  bool learn_source = false;          ///< without an encoder: the source's tokens are targets too
  /// It predicts masked places of a text instead of next tokens; its mask is the vocabulary's last.
  bool masked = false;
  std::string gap_mark = {};  ///< masked: what stands in a text where the output belongs
  bool knows_length = false;  ///< masked: hidden vectors of the first place tell the gap's length
  std::function<std::unique_ptr<Network>(std::int64_t vocab, std::uint64_t seed)> make;
};

/// Of a network without an encoder: what its options and the complete settings say.
template <typename DecoderOnly, typename Options>
Architecture decoder_architecture(const nlohmann::json& settings, Options options) {
  Architecture architecture;
  architecture.context = static_cast<std::size_t>(options.context);
  architecture.max_source_tokens = settings.at("max_source_tokens");
  architecture.learn_source = settings.at("learn_source");
  architecture.make = [options = std::move(options)](std::int64_t vocab,
                                                     std::uint64_t seed) mutable {
    options.vocab = vocab;
    return std::make_unique<DecoderOnly>(options, seed);
  };
  return architecture;
}

/// All settings of a model: its `own`, those that every model has, and `last` ones.
nlohmann::json model_settings(std::vector<nlohmann::json> own, const TrainingDefaults& defaults,
                              const std::vector<nlohmann::json>& last = {});
/// The entry for `learn_source`, which only models without an encoder have.
nlohmann::json learn_source_setting();

/// Borrowed for the call.
struct TextExample {
  std::string_view source;
  std::string_view target;
  std::size_t given = 0;  ///< bytes at the target's beginning that are read, not learned
};

/// What a plugin makes of a published checkpoint.
struct PublishedModel {
  std::unique_ptr<Network> network;  ///< with FirstWeights::none()
  PublishedNames names;
  std::size_t vocab = 0;  ///< rows of the output layer; a tokenizer may have fewer tokens
  std::size_t context = 0;
  bool context_is_limit = true;
  bool encoder_decoder = false;
  std::optional<std::int32_t> decoder_start;  ///< with an encoder
  bool masked = false;                        ///< it predicts masked places
};

/// Of a network without an encoder.
template <typename DecoderOnly, typename Options>
PublishedModel published_decoder(const Options& options, PublishedNames names) {
  PublishedModel model;
  model.network = std::make_unique<DecoderOnly>(options, FirstWeights::none());
  model.names = std::move(names);
  model.vocab = static_cast<std::size_t>(options.vocab);
  model.context = static_cast<std::size_t>(options.context);
  return model;
}

class LanguageModel {
 public:
  /// `id` is the plugin's, `settings` are complete.
  LanguageModel(std::string id, nlohmann::json settings, Architecture architecture);

  /// Takes vocabulary and weights from a folder that was saved with these settings.
  void load(const SavedModel& saved);
  /// A published model, with the tokenizer that lies beside its weights. Throws Error(missing) or
  /// Error(bad_data).
  static LanguageModel from_published(std::string id, formats::Checkpoint checkpoint,
                                      PublishedModel published);
  /// What whole-model training made of one.
  static LanguageModel from_tuned(std::string id, const SavedModel& saved,
                                  PublishedModel published);
  /// Adds the changes of a folder to this model, which is their base. Throws Error(bad_data) when
  /// it is another.
  void load_changes(const SavedModel& saved);
  /// Says how a loaded model is to be trained further. `path`: where it was loaded from.
  void tune(nlohmann::json settings, std::filesystem::path path);

  /// Returns the hash of the weights.
  std::string save(const std::filesystem::path& folder) const;
  const nlohmann::json& settings() const { return settings_; }
  /// Whether its architecture is of a published model, not of the plugin's settings.
  bool is_published() const { return !published_.is_null(); }

  nlohmann::json describe() const;
  EncodedPrompt encode_prompt(std::string_view source, std::string_view prefix) const;
  std::vector<std::int32_t> encode(std::string_view text) const;
  std::string decode(std::span<const std::int32_t> tokens) const;
  std::string token_text(std::int32_t token) const;
  std::string token_bytes(std::int32_t token) const;

  std::unique_ptr<NetworkState> open(std::span<const std::int32_t> encoder_tokens);
  void feed(std::span<const FeedRequest> requests);
  std::vector<AttentionMap> attend(std::span<const std::int32_t> encoder_tokens,
                                   std::span<const std::int32_t> tokens);
  /// How one whole sequence uses experts, which it chooses as in generation; nothing without any.
  std::vector<ExpertUse> expert_use(std::span<const std::int32_t> encoder_tokens,
                                    std::span<const std::int32_t> tokens);

  /// Trains and saves to `folder`, where the checkpoint is kept meanwhile. A model that was loaded
  /// is trained further, as tune() said. Throws Error(cancelled)
  /// when it was stopped; a later call with the same arguments goes on from there.
  void train(std::span<const TextExample> train, std::span<const TextExample> valid,
             const std::filesystem::path& folder, std::uint64_t seed,
             const std::function<bool(const TrainingPoint&)>& on_point, const TrainingWorld& world);

  Network& network() const;

 private:
  static LanguageModel published_shell(std::string id, const formats::ConfigReader& config,
                                       const nlohmann::json& json, PublishedModel& published);
  void check_vocabulary(const std::filesystem::path& path) const;
  std::string save_changes(const std::filesystem::path& folder) const;
  const text::Tokenizer& tokenizer() const;
  // For generation: a frozen network.
  Network& ready() const;
  std::size_t trained_vocab_size() const;
  std::size_t window() const;
  void use_masked_form();
  Sequence to_sequence(const TextExample& example, std::size_t longest) const;
  std::vector<Sequence> to_sequences(std::span<const TextExample> examples,
                                     std::size_t longest) const;
  bool has_text(std::int32_t token) const;
  void check_tokens(std::span<const std::int32_t> tokens) const;

  std::string id_;
  nlohmann::json settings_;
  Architecture architecture_;
  std::unique_ptr<PromptForm> form_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  std::unique_ptr<Network> network_;
  std::size_t vocab_size_ = 0;  ///< of the network; 0: none yet
  std::string weights_hash_;
  nlohmann::json published_;         // config of the published model; null: made of settings
  std::filesystem::path base_;       // where tune() found the model
  std::uint64_t trained_count_ = 0;  // numbers that training changed; 0: not known
};

/// {"step": ..., "split": ..., "loss": ...} as trellis/abi/model.h has it.
nlohmann::json to_json(const TrainingPoint& point);

}  // namespace trellis::nn

/// A loaded model, as the host uses it: trellis/abi/model.h with ownership and exceptions.
///
/// Not thread-safe: one thread at a time. Sizes that the plugin reports are checked here.
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
#include <vector>

#include "core/plugin/registry.hpp"
#include "trellis/abi/model.h"

namespace trellis::plugin {

/// What states cost in memory, as the model says.
struct StateBytes {
  std::uint64_t per_state = 0;
  std::uint64_t per_token = 0;  ///< of encoder and decoder
  bool forks_share = true;      ///< what a fork has in common with its origin is there once
};

struct ModelFacts {
  std::size_t vocab_size = 0;  ///< 0: has no vocabulary yet, must be trained or loaded
  std::size_t hidden_size = 0;
  std::uint64_t parameters = 0;
  std::optional<std::size_t> max_context;  ///< decoder tokens, the start symbol included
  std::vector<std::int32_t> eos;
  bool encoder_decoder = false;
  std::optional<std::int32_t> mask;       ///< of models that predict masked places
  std::optional<StateBytes> state_bytes;  ///< absent: unknown
  std::string weights_hash;
  nlohmann::json tokenizer;
  nlohmann::json json;  ///< the whole description
};

struct PromptTokens {
  std::vector<std::int32_t> encoder;
  std::vector<std::int32_t> decoder;  ///< at least the start symbol
};

/// How many of max_context's tokens a prompt takes from the output: the decoder's, or with a mask
/// the text around the gap.
std::size_t context_used(const ModelFacts& facts, const PromptTokens& prompt);

struct TrainingExample {
  std::string source;
  std::string target;
  std::size_t given = 0;  ///< bytes at the target's beginning that are a prompt: not learned
};

/// Attention of one layer, teacher-forced; every row sums to one.
struct AttentionMap {
  std::string kind;  ///< "self", "cross", "encoder", or "experts": what a token's experts weigh
  std::int32_t layer = 0;
  std::size_t heads = 0;
  std::size_t queries = 0;     ///< decoder positions, or the encoder's
  std::size_t keys = 0;        ///< likewise; the encoder's for "cross"; or experts
  std::vector<float> weights;  ///< [heads, queries, keys]

  std::span<const float> row(std::size_t head, std::size_t query) const {
    return std::span(weights).subspan((head * queries + query) * keys, keys);
  }
};

/// How a sequence's tokens were spread over the experts of one layer.
struct ExpertUse {
  std::int32_t layer = 0;
  std::vector<std::uint64_t> tokens;  ///< [experts]; a token counts for each expert it went to
};

class Model;

/// Owns a trellis_state. Must not outlive its model.
class State {
 public:
  State() = default;
  State(State&& other) noexcept;
  State& operator=(State&& other) noexcept;
  ~State();
  explicit operator bool() const { return state_ != nullptr; }
  trellis_state* get() const { return state_; }

 private:
  friend class Model;
  State(trellis_model* model, trellis_state* state) : model_(model), state_(state) {}
  trellis_model* model_ = nullptr;
  trellis_state* state_ = nullptr;
};

class Model {
 public:
  /// A fresh model from complete settings, or one from a folder. Throws Error.
  static Model create(Registry& registry, std::string_view id, const nlohmann::json& settings);
  static Model load(Registry& registry, std::string_view id, const std::filesystem::path& folder);
  /// Takes a model that was made elsewhere (tests). Owns it.
  explicit Model(trellis_model* model);
  Model(Model&&) noexcept = default;
  Model& operator=(Model&&) noexcept = default;

  /// Read again after training.
  const ModelFacts& facts() const { return facts_; }

  PromptTokens encode_prompt(std::string_view source, std::string_view prefix) const;
  std::vector<std::int32_t> encode(std::string_view text) const;
  std::string decode(std::span<const std::int32_t> tokens) const;
  std::string token_text(std::int32_t token) const;
  /// What it writes inside of a text; not always whole characters. Nothing for special symbols.
  std::string token_bytes(std::int32_t token) const;

  State open_state(std::span<const std::int32_t> encoder_tokens);
  State fork(const State& state);
  void feed(std::span<trellis_feed_item> items);

  bool can_train() const;
  /// `on_point` receives a point of the curve; returning false asks to stop (then Error(cancelled)
  /// is thrown once a checkpoint was written).
  void train(std::span<const TrainingExample> train, std::span<const TrainingExample> valid,
             const std::filesystem::path& folder, std::uint64_t seed,
             const std::function<bool(const nlohmann::json&)>& on_point);
  void save(const std::filesystem::path& folder) const;

  /// Where attention looks in one whole sequence; nothing when the model does not show it.
  std::vector<AttentionMap> attention(std::span<const std::int32_t> encoder_tokens,
                                      std::span<const std::int32_t> decoder_tokens);
  /// By layers with experts; nothing of other models.
  std::vector<ExpertUse> expert_use(std::span<const std::int32_t> encoder_tokens,
                                    std::span<const std::int32_t> decoder_tokens);

  /// An optional ability by id, or null.
  const void* ability(const char* id) const;
  trellis_model* get() const { return model_.get(); }

 private:
  struct Destroy {
    void operator()(trellis_model* model) const { model->destroy(model); }
  };
  void read_facts();
  std::unique_ptr<trellis_model, Destroy> model_;
  ModelFacts facts_;
};

}  // namespace trellis::plugin

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/nn/language_model.hpp"
#include "core/nn/tuning.hpp"
#include "core/nn/weights.hpp"

namespace trellis::nn {
namespace {

std::string fingerprint(const nlohmann::json& settings, std::uint64_t seed,
                        const std::string& weights, std::span<const TextExample> train,
                        std::span<const TextExample> valid) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  XXH3_128bits_reset(state.get());
  const auto add = [&](std::string_view text) {
    const std::uint64_t size = text.size();  // keeps "ab", "c" from looking like "a", "bc"
    XXH3_128bits_update(state.get(), &size, sizeof size);
    XXH3_128bits_update(state.get(), text.data(), text.size());
  };
  add(settings.dump());
  add(std::to_string(seed));
  add(weights);
  for (const auto& examples : {train, valid}) {
    add(std::to_string(examples.size()));
    for (const TextExample& example : examples) {
      add(example.source);
      add(example.target);
      add(std::to_string(example.given));
    }
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace

// What training learned of a network that is otherwise its base.
std::string LanguageModel::save_changes(const std::filesystem::path& folder) const {
  SavedModel saved{.folder = folder,
                   .model = id_,
                   .settings = settings_,
                   .base = TuningBase{base_, weights_hash_},
                   .trained_parameters = trained_count_};
  write_saved_model(saved, views(network().parameters.trained(), ""));
  return combined_hash(weights_hash_, saved.weights_hash);
}

std::size_t LanguageModel::trained_vocab_size() const {
  return tokenizer_->vocab_size() + (architecture_.masked ? 1 : 0);
}

// How many tokens of a plain text are learned at once.
std::size_t LanguageModel::window() const {
  constexpr std::size_t kAround = 2;  // before and behind a text with masks
  return architecture_.context - (architecture_.masked ? kAround : 0);
}

Sequence LanguageModel::to_sequence(const TextExample& example, std::size_t longest) const {
  const std::string_view answer = example.target.substr(example.given);
  EncodedPrompt prompt = encode_prompt(example.source, example.target.substr(0, example.given));
  Sequence sequence;
  sequence.source = std::move(prompt.encoder);
  sequence.tokens = std::move(prompt.decoder);
  sequence.given = architecture_.learn_source ? 1 : sequence.tokens.size();
  const std::vector<std::int32_t> target = tokenizer_->encode(answer);
  sequence.tokens.insert(sequence.tokens.end(), target.begin(), target.end());
  if (!architecture_.masked && !form_->ends.empty()) sequence.tokens.push_back(form_->ends.front());
  // Plain text is cut to windows later; a target that answers a source must stay with it. Where
  // there are masks, one in the source gives its place to the target, which has two places more.
  const std::size_t room =
      architecture_.masked ? architecture_.context - sequence.source.size() + 1 : longest;
  if (!example.source.empty() || example.given > 0)
    sequence.tokens.resize(std::min(sequence.tokens.size(), room + 1));
  return sequence;
}

std::vector<Sequence> LanguageModel::to_sequences(std::span<const TextExample> examples,
                                                  std::size_t longest) const {
  std::vector<Sequence> sequences;
  sequences.reserve(examples.size());
  for (const TextExample& example : examples) sequences.push_back(to_sequence(example, longest));
  return sequences;
}

void LanguageModel::train(std::span<const TextExample> train, std::span<const TextExample> valid,
                          const std::filesystem::path& folder, std::uint64_t seed,
                          const std::function<bool(const TrainingPoint&)>& on_point,
                          const TrainingWorld& world) {
  if (train.empty())
    throw Error(Fault::usage, "there is no training data; name a training file in the task");
  if (is_published() && base_.empty())
    throw Error(Fault::usage, "model " + id_ +
                                  " is a published one; to train it further, name it as "
                                  "init_from of a model");
  const TrainingOptions options = training_options(settings_);
  const TuningOptions tuning = tuning_options(settings_);
  if (tuning.lora_rank > 0 && network_ == nullptr)
    throw Error(Fault::usage,
                "lora_rank: changes need a model that they change; name one by "
                "init_from");
  const std::string mark = fingerprint(settings_, seed, weights_hash_, train, valid);
  if (network_ == nullptr) {
    std::vector<std::string_view> texts;
    for (const TextExample& example : train) {
      if (!example.source.empty()) texts.push_back(example.source);
      texts.push_back(example.target);
    }
    tokenizer_ = text::train_tokenizer(tokenizer_options(settings_), texts);
    vocab_size_ = trained_vocab_size();
    network_ = architecture_.make(static_cast<std::int64_t>(vocab_size_), seed);
  }
  choose_trained(network_->parameters, tuning, seed);
  trained_count_ = 0;
  for (const Parameter& parameter : network_->parameters.trained())
    trained_count_ += static_cast<std::uint64_t>(parameter.tensor.numel());
  std::filesystem::create_directories(folder);
  std::size_t longest = window();
  if (options.max_sequence_tokens > 0) longest = std::min(longest, options.max_sequence_tokens);
  const std::vector<Sequence> train_sequences = to_sequences(train, longest);
  const std::vector<Sequence> valid_sequences = to_sequences(valid, longest);
  const TrainingJob job{
      train_sequences, valid_sequences, longest, seed, folder / kCheckpointFile, mark, on_point};
  if (nn::train(*network_, options, job, world) == TrainingEnd::stopped)
    throw Error(Fault::cancelled,
                "training was stopped; run it again to go on from " + job.checkpoint.string());
  if (tuning.lora_rank > 0 && !base_.empty()) {
    weights_hash_ = save_changes(folder);
    merge_changes(network_->parameters);
  } else {
    merge_changes(network_->parameters);
    weights_hash_ = save(folder);
  }
  base_.clear();
  std::filesystem::remove(job.checkpoint);
}

}  // namespace trellis::nn

/// One sample under way: a search, the hypotheses it keeps alive, and what it has finished.
///
/// A round has two halves. `collect` adds what must be computed to the round's batch; once that has
/// run, `advance` shows the search its view and carries out the answer. Everything that a batch
/// borrows stays in place between the two.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/decode/answer.hpp"
#include "core/decode/feed.hpp"
#include "core/decode/generate.hpp"
#include "core/decode/random.hpp"
#include "core/decode/stop.hpp"
#include "core/decode/token_records.hpp"

namespace trellis::decode {

/// A prompt that has been read by the model, shared by all samples of its example.
struct PromptStart {
  const Prompt* prompt = nullptr;
  std::size_t index = 0;  ///< into the prompts
  plugin::PromptTokens tokens;
  StopStrings stops;
  std::size_t limit = 0;  ///< tokens a hypothesis may get
  plugin::State state;
  Rows rows;                  ///< valid in the round that read the prompt
  std::vector<float> logits;  ///< [vocab_size] after the prompt, once read
  std::vector<float> hidden;  ///< [hidden_size], or empty
  double started = 0;
};

/// What all samples of one call to generate() share. Borrowed by the samples.
struct SampleContext {
  plugin::Model& model;
  const Arm& arm;
  const GenerateOptions& options;
  std::vector<const plugin::LogitsProcessor*> processors;  ///< by ascending rank
};

class Sample {
 public:
  Sample(const SampleContext& context, std::shared_ptr<const PromptStart> start,
         std::uint32_t sample);
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;

  const PromptStart& start() const { return *start_; }
  std::uint32_t number() const { return sample_; }
  /// Tokens of its first live hypothesis.
  std::size_t length() const { return live_.empty() ? 0 : live_.front().tokens.size(); }

  /// Adds the tokens that are to be fed; returns how many they are.
  std::size_t collect(FeedBatch& batch);
  /// Returns true when the search is over. Throws Error when the strategy breaks its contract or
  /// the model gave logits that nothing can be chosen from.
  bool advance();
  /// The best of what was finished. Call once, when the search is over.
  Generation take_result();

 private:
  struct Hypothesis {
    plugin::State state;   // empty before the first round: then the prompt's counts
    plugin::State before;  // as it was before `pending` was fed; kept while rows may be rejected
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> pending;  // to feed; ends as `tokens` does
    std::size_t wanted = 1;             // rows after the last of `pending`
    RecordTree::Node node = RecordTree::kRoot;
    double score = 0;
    StopSearch stop;
    StopSearch stop_before;  // as it was before the tokens of the last move
    bool stopped = false;
    std::optional<trellis_finish_reason> closing;  // only its records are still missing
    Rows rows;
  };
  struct Finished {
    std::vector<std::int32_t> tokens;
    RecordTree::Node node = RecordTree::kRoot;
    double score = 0;
    trellis_finish_reason reason = TRELLIS_FINISH_EOS;
  };
  struct View;

  void record_fed_tokens(Hypothesis& hypothesis);
  void show(View& view);
  void carry_out(const std::vector<Move>& moves);
  Move without_tokens_after_stop(const Move& move) const;
  Hypothesis follow(const Move& move, bool last_use);
  void settle(Hypothesis next, const Move& move);
  void finish(Hypothesis& hypothesis, trellis_finish_reason reason);

  const SampleContext& context_;
  std::shared_ptr<const PromptStart> start_;
  std::uint32_t sample_;
  NoiseKey noise_key_;
  plugin::Search search_;
  std::uint64_t round_ = 0;
  std::vector<Hypothesis> live_;
  std::vector<Hypothesis> next_;
  std::vector<Finished> finished_;
  RecordTree records_;
  std::vector<float> scores_;  // [rows of the view, vocab_size]
};

}  // namespace trellis::decode

/// One sample under way: a search, the hypotheses it keeps alive, and what it has finished.
///
/// A round has two halves. `collect` says which prefixes must be computed; once they are, `advance`
/// shows the search its view and carries out the answer. The rows that it looks at stay in place
/// between the two.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/decode/answer.hpp"
#include "core/decode/draft.hpp"
#include "core/decode/frontier.hpp"
#include "core/decode/generate.hpp"
#include "core/decode/random.hpp"
#include "core/decode/scores.hpp"
#include "core/decode/stop.hpp"
#include "core/decode/token_tree.hpp"

namespace trellis::decode {

/// A prompt that the model can continue, shared by the samples that grow its tree.
struct PromptStart {
  plugin::PromptTokens tokens;
  StopStrings stops;
  std::size_t limit = 0;  ///< tokens a hypothesis may get
  NodePtr root;           ///< null until the first sample begins
  double started = 0;     ///< when that was
  /// By the number of the draft; nothing where no sample of an arm that is lent it has begun.
  std::vector<std::optional<DraftStart>> drafts;
};

/// What a sample asked for in this round: indices into what the frontiers compute.
struct Wanted {
  std::vector<std::size_t> model;
  std::vector<std::size_t> draft;

  std::size_t size() const { return model.size() + draft.size(); }
};

/// Memory for what is shown to a search, used again round after round: only one search is shown its
/// view at a time.
class RowBuffers {
 public:
  /// `size` floats of any value. Taking more moves none that were taken before.
  std::span<float> take(std::size_t size) {
    if (used_ == buffers_.size()) buffers_.emplace_back();
    auto& buffer = buffers_[used_++];
    if (buffer.size() < size) buffer.resize(size);
    return std::span(buffer).first(size);
  }
  /// All that was taken is free again.
  void clear() { used_ = 0; }

 private:
  std::vector<std::vector<float>> buffers_;
  std::size_t used_ = 0;
};

/// What all samples of one call to generate() share. Borrowed by the samples.
struct SampleContext {
  plugin::Model& model;
  const GenerateOptions& options;
  RowBuffers rows = {};
};

class Sample {
 public:
  Sample(SampleContext& context, const ArmContext& arm, std::shared_ptr<const PromptStart> start,
         const NoiseKey& noise);
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;

  const PromptStart& start() const { return *start_; }
  /// Tokens of its first live hypothesis, without those that may still be rejected.
  std::span<const std::int32_t> tokens() const;

  /// Asks for the rows that are to be looked at. `draft`: where the arm's draft is fed, or null.
  void collect(Frontier& frontier, Frontier* draft, Wanted& wanted) const;
  /// Returns true when the search is over. Throws Error when the strategy breaks its contract or
  /// the model gave logits that nothing can be chosen from.
  bool advance();
  /// What the search goes on with, then what it has finished; only what was judged. The tokens are
  /// borrowed until the next change.
  std::vector<SearchHypothesis> hypotheses() const;
  /// The best of what was finished. Call once, when the search is over.
  Generation take_result();

 private:
  struct Hypothesis {
    NodePtr node;   // after its last token
    NodePtr draft;  // the same in the draft's tree; null where no draft has room
    std::vector<std::int32_t> tokens;
    std::size_t rows = 1;      // those of the node and of rows - 1 nodes above it are shown
    std::size_t unread = 0;    // last tokens that only the draft has read; then its rows are shown
    std::size_t proposed = 0;  // of the rows shown, those after tokens that are not certain
    double score = 0;
    StopSearch stop;
    StopSearch stop_before;  // as it was before the tokens of the last move
    bool stopped = false;
    std::optional<trellis_finish_reason> closing;  // only the judgement of its tokens is missing
    std::optional<std::uint64_t> number;           // among what the search has finished
  };
  struct Finished {
    std::vector<std::int32_t> tokens;
    NodePtr node;
    double score = 0;
    trellis_finish_reason reason = TRELLIS_FINISH_EOS;
    std::optional<std::uint64_t> number;
  };
  struct View;

  void want_drafted(const Hypothesis& hypothesis, Frontier& frontier, Frontier& draft,
                    Wanted& wanted) const;
  std::size_t draft_limit() const;
  void finish_closing();
  void show(View& view);
  void show_rows(const Hypothesis& hypothesis, trellis_hypothesis& shown);
  void process(const Hypothesis& hypothesis, std::size_t row, std::span<float> scores) const;
  void count_accepted(const std::vector<Move>& moves);
  void carry_out(const std::vector<Move>& moves);
  bool fills_masks() const { return context_.model.facts().mask.has_value(); }
  void rewrite(const Move& move);
  void rescore(const std::vector<Rescore>& rescores);
  Move without_tokens_after_stop(const Move& move) const;
  Hypothesis follow(const Move& move) const;
  void settle(Hypothesis next, const Move& move);
  void finish(Hypothesis& hypothesis, trellis_finish_reason reason);
  std::string text_of(std::span<const std::int32_t> tokens) const;
  trellis_status write_text(std::span<const std::int32_t> tokens, trellis_text_sink& sink,
                            trellis_error& error) const noexcept;

  SampleContext& context_;
  const ArmContext& arm_;
  std::shared_ptr<const PromptStart> start_;
  NoiseKey noise_key_;
  plugin::Search search_;
  std::uint64_t round_ = 0;
  std::vector<Hypothesis> live_;
  std::vector<Hypothesis> next_;
  std::uint64_t finish_count_ = 0;  // that the search has named
  std::vector<Finished> finished_;
  std::uint64_t proposed_tokens_ = 0;
  std::uint64_t accepted_tokens_ = 0;
};

}  // namespace trellis::decode

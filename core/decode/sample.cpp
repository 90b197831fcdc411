#include "core/decode/sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/kernels/distribution.hpp"

namespace trellis::decode {
namespace {

Finish finish_of(trellis_finish_reason reason) {
  switch (reason) {
    case TRELLIS_FINISH_EOS:
      return Finish::eos;
    case TRELLIS_FINISH_STOP:
      return Finish::stop;
    case TRELLIS_FINISH_LENGTH:
      return Finish::length;
    default:
      return Finish::strategy;
  }
}

trellis_noise noise_abi(const NoiseKey& key) {
  return {sizeof(trellis_noise), const_cast<NoiseKey*>(&key),
          [](void* context, std::uint64_t position, float* out, std::size_t count) {
            gumbel_noise(*static_cast<const NoiseKey*>(context), position, {out, count});
          },
          [](void* context, std::uint64_t position, std::uint32_t draw) {
            return uniform_noise(*static_cast<const NoiseKey*>(context), position, draw);
          }};
}

std::span<const float> row_of(const Rows& rows, std::size_t row, std::size_t vocab_size) {
  return {rows.logits + row * vocab_size, vocab_size};
}

Error unusable_logits(std::size_t token_count) {
  return {Fault::plugin, fmt::format("the model gave no usable logits after {} tokens: NaN, "
                                     "infinity, or nothing but -infinity",
                                     token_count)};
}

// A finish whose tokens need no more records needs no state.
bool needs_state(const Move& move) {
  return !move.finish || move.tokens.size() > 1;
}

}  // namespace

struct Sample::View {
  trellis_view abi{};
  trellis_noise noise{};
  std::vector<trellis_hypothesis> hypotheses;
};

Sample::Sample(const SampleContext& context, std::shared_ptr<const PromptStart> start,
               std::uint32_t sample)
    : context_(context),
      start_(std::move(start)),
      sample_(sample),
      noise_key_{context.options.seed, start_->prompt->example, sample},
      search_(context.arm.strategy.open_search()) {
  live_.emplace_back();
}

std::size_t Sample::collect(FeedBatch& batch) {
  std::size_t fed = 0;
  for (auto& hypothesis : live_) {
    if (hypothesis.pending.empty()) continue;  // first round: the prompt's own rows are shown
    if (hypothesis.wanted > 1 && !hypothesis.closing) {
      hypothesis.before = context_.model.fork(hypothesis.state);
    }
    batch.add(hypothesis.state, hypothesis.pending, hypothesis.wanted, hypothesis.rows);
    fed += hypothesis.pending.size();
  }
  return fed;
}

bool Sample::advance() {
  if (round_ == 0) {
    const auto* hidden = start_->hidden.empty() ? nullptr : start_->hidden.data();
    live_.front().rows = {start_->logits.data(), hidden, 1};
  }
  for (auto& hypothesis : live_) record_fed_tokens(hypothesis);
  for (auto& hypothesis : live_) {
    if (hypothesis.closing) finish(hypothesis, *hypothesis.closing);
  }
  std::erase_if(live_, [](const Hypothesis& hypothesis) { return hypothesis.closing.has_value(); });
  if (!live_.empty()) {
    View view;
    show(view);
    AnswerCollector answer(view.abi, start_->limit);
    search_.advance(view.abi, answer.abi());
    if (!answer.problem().empty()) {
      throw Error(Fault::plugin, fmt::format("strategy advance: {}", answer.problem()));
    }
    carry_out(answer.moves());
  }
  ++round_;
  if (!live_.empty()) return false;
  if (finished_.empty()) {
    throw Error(Fault::plugin, "strategy advance: ended without a finished sequence");
  }
  return true;
}

// The first token of a move was judged by its parent's row; the others by the rows between them.
void Sample::record_fed_tokens(Hypothesis& hypothesis) {
  const std::size_t vocab_size = context_.model.facts().vocab_size;
  const std::size_t first = hypothesis.tokens.size() - hypothesis.wanted;
  const std::size_t unjudged = hypothesis.closing ? hypothesis.wanted : hypothesis.wanted - 1;
  for (std::size_t row = 0; round_ > 0 && row < unjudged; ++row) {
    RowJudge judge(row_of(hypothesis.rows, row, vocab_size), context_.options.top_alternatives);
    const std::size_t next = hypothesis.closing ? first + row : first + row + 1;
    if (judge.problem() != nullptr) throw unusable_logits(next);
    hypothesis.node = records_.add(hypothesis.node, judge.judge(hypothesis.tokens[next]));
  }
}

void Sample::show(View& view) {
  const auto& facts = context_.model.facts();
  const auto& needs = context_.arm.strategy.needs();
  const bool processed = !context_.processors.empty() || needs.processors_see_log_probabilities;
  std::size_t row_total = 0;
  for (const auto& hypothesis : live_) row_total += hypothesis.rows.count;
  if (processed) scores_.resize(std::max(scores_.size(), row_total * facts.vocab_size));
  float* scores = scores_.data();
  std::size_t longest = 0;
  for (const auto& hypothesis : live_) {
    const float* first_scores = scores;
    for (std::size_t row = 0; row < hypothesis.rows.count; ++row) {
      const auto logits = row_of(hypothesis.rows, row, facts.vocab_size);
      if (!kernels::has_choice(logits)) {
        throw unusable_logits(length_at(hypothesis.tokens.size(), hypothesis.rows.count, row));
      }
      if (!processed) continue;
      const std::span<float> out(scores, facts.vocab_size);
      if (needs.processors_see_log_probabilities) {
        kernels::log_softmax(logits, out);
      } else {
        std::copy(logits.begin(), logits.end(), out.begin());
      }
      const trellis_sequence sequence{
          sizeof(trellis_sequence),
          start_->tokens.decoder.data(),
          start_->tokens.decoder.size(),
          hypothesis.tokens.data(),
          length_at(hypothesis.tokens.size(), hypothesis.rows.count, row),
          facts.eos.data(),
          facts.eos.size()};
      for (const auto* processor : context_.processors) processor->apply(sequence, out);
      if (!kernels::has_choice(out)) {
        throw Error(Fault::plugin,
                    fmt::format("after {} tokens the processors left no token to choose",
                                sequence.token_count));
      }
      scores += facts.vocab_size;
    }
    view.hypotheses.push_back({sizeof(trellis_hypothesis), hypothesis.tokens.data(),
                               hypothesis.tokens.size(), hypothesis.rows.count,
                               hypothesis.rows.logits,
                               processed ? first_scores : hypothesis.rows.logits,
                               hypothesis.rows.hidden, hypothesis.score, hypothesis.stopped});
    longest = std::max(longest, hypothesis.tokens.size());
  }
  view.noise = noise_abi(noise_key_);
  const std::size_t remaining = start_->limit - longest;
  view.abi = {sizeof(trellis_view),
              view.hypotheses.data(),
              view.hypotheses.size(),
              facts.vocab_size,
              facts.hidden_size,
              start_->tokens.decoder.data(),
              start_->tokens.decoder.size(),
              facts.eos.data(),
              facts.eos.size(),
              round_,
              start_->limit,
              remaining,
              remaining == 1,
              &view.noise};
}

void Sample::carry_out(const std::vector<Move>& moves) {
  next_.clear();
  std::map<std::pair<std::uint32_t, std::uint32_t>, RowJudge> judges;
  std::vector<std::size_t> uses(live_.size());
  for (const auto& move : moves) uses[move.parent] += needs_state(move) ? 1 : 0;
  const std::size_t vocab_size = context_.model.facts().vocab_size;
  for (const auto& answered : moves) {
    const Move move = without_tokens_after_stop(answered);
    const bool last_use = needs_state(answered) && --uses[move.parent] == 0;
    auto next = follow(move, last_use);
    if (!move.tokens.empty()) {
      const auto [judge, fresh] = judges.try_emplace(
          std::pair(move.parent, move.row), row_of(live_[move.parent].rows, move.row, vocab_size),
          context_.options.top_alternatives);
      next.node = records_.add(next.node, judge->second.judge(move.tokens.front()));
    }
    settle(std::move(next), move);
  }
  live_.swap(next_);
}

// A stop string has ended the text: what a strategy moves on from it is dropped. A move that
// rejects a part of the stop string goes on.
Move Sample::without_tokens_after_stop(const Move& move) const {
  const auto& parent = live_[move.parent];
  if (!parent.stopped || move.finish || move.row + 1 < parent.rows.count) return move;
  return {move.parent, move.row, {}, move.score, TRELLIS_FINISH_STOP};
}

// The hypothesis that a move makes, before its first token was judged. States are forked except
// for their last user, who takes them.
Sample::Hypothesis Sample::follow(const Move& move, bool last_use) {
  auto& parent = live_[move.parent];
  const std::size_t rejected = parent.rows.count - 1 - move.row;
  const std::size_t kept = parent.tokens.size() - rejected;
  Hypothesis next;
  next.tokens.assign(parent.tokens.begin(),
                     parent.tokens.begin() + static_cast<std::ptrdiff_t>(kept));
  next.node = records_.back(parent.node, rejected);
  next.score = move.score;
  if (rejected == 0) {
    next.stop = parent.stop;
    if (needs_state(move)) {
      const auto& state = parent.state ? parent.state : start_->state;
      next.state = last_use && parent.state ? std::move(parent.state) : context_.model.fork(state);
    }
  } else {
    next.stop = parent.stop_before;
    if (needs_state(move)) next.state = context_.model.fork(parent.before);
    // What was accepted is fed again: the state that holds it holds the rejected tokens too.
    next.pending.assign(parent.pending.begin(),
                        parent.pending.end() - static_cast<std::ptrdiff_t>(rejected));
  }
  next.tokens.insert(next.tokens.end(), move.tokens.begin(), move.tokens.end());
  next.pending.insert(next.pending.end(), move.tokens.begin(), move.tokens.end());
  next.wanted = move.tokens.size();
  return next;
}

// Decides whether a new hypothesis goes on, is finished, or is finished once the records of its
// last tokens are known.
void Sample::settle(Hypothesis next, const Move& move) {
  next.stop_before = next.stop;
  const auto completed = next.stop.advance(context_.model, start_->stops, next.tokens);
  if (completed) {
    // A stop string ends the text even in the middle of a move.
    const std::size_t dropped = next.tokens.size() - *completed;
    const std::size_t cut = std::min(dropped, move.tokens.size());
    next.tokens.resize(next.tokens.size() - cut);
    next.pending.resize(next.pending.size() - cut);
    next.wanted -= cut;
    next.stopped = true;
  }
  std::optional<trellis_finish_reason> reason = move.finish;
  if (!reason && next.tokens.size() >= start_->limit) {
    reason = completed ? TRELLIS_FINISH_STOP : TRELLIS_FINISH_LENGTH;
  }
  if (!reason) {
    next_.push_back(std::move(next));
  } else if (next.wanted <= 1) {
    finish(next, *reason);
  } else {
    next.closing = reason;
    next.pending.pop_back();  // the row after the last token judges nothing
    --next.wanted;
    next_.push_back(std::move(next));
  }
}

void Sample::finish(Hypothesis& hypothesis, trellis_finish_reason reason) {
  finished_.push_back({std::move(hypothesis.tokens), hypothesis.node, hypothesis.score, reason});
}

Generation Sample::take_result() {
  const auto best =
      std::max_element(finished_.begin(), finished_.end(),
                       [](const Finished& a, const Finished& b) { return a.score < b.score; });
  Generation result;
  result.prompt = start_->index;
  result.sample = sample_;
  result.text = context_.model.decode(best->tokens);
  result.tokens = records_.path(best->node);
  result.finish = finish_of(best->reason);
  result.score = best->score;
  if (const auto stop = start_->stops.find(result.text)) {
    result.text.resize(*stop);
    result.finish = Finish::stop;
  }
  return result;
}

}  // namespace trellis::decode

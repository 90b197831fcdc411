#include "core/decode/sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/decode/noise.hpp"
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

}  // namespace

struct Sample::View {
  trellis_view abi{};
  trellis_noise noise{};
  std::vector<trellis_hypothesis> hypotheses;
  std::vector<std::size_t> unread;  // by hypothesis; empty without a draft
};

Sample::Sample(SampleContext& context, const ArmContext& arm,
               std::shared_ptr<const PromptStart> start, const NoiseKey& noise)
    : context_(context),
      arm_(arm),
      start_(std::move(start)),
      noise_key_(noise),
      search_(arm.strategy->open_search()) {
  auto& first = live_.emplace_back();
  first.node = start_->root;
  if (arm.draft) first.draft = start_->drafts[*arm.draft]->root;
}

std::span<const std::int32_t> Sample::tokens() const {
  if (live_.empty()) return {};
  const auto& first = live_.front();
  const std::size_t drafted = first.unread > 0 ? first.unread - 1 : first.proposed;
  return std::span(first.tokens).first(first.tokens.size() - drafted);
}

void Sample::collect(Frontier& frontier, Frontier* draft, Wanted& wanted) const {
  for (const auto& hypothesis : live_) {
    if (draft != nullptr && hypothesis.draft != nullptr) {
      want_drafted(hypothesis, frontier, *draft, wanted);
    }
    if (hypothesis.unread > 0) continue;
    // The row after the last token of a finished sequence judges nothing.
    const auto& node = hypothesis.closing ? hypothesis.node->parent() : hypothesis.node;
    // A block of masks is always rewritten from the prompt on.
    const bool may_return = fills_masks() || (hypothesis.rows > 1 && !hypothesis.closing);
    wanted.model.push_back(frontier.want(node, hypothesis.rows, may_return));
  }
}

// What a hypothesis needs of the draft, and what it may come back to.
void Sample::want_drafted(const Hypothesis& hypothesis, Frontier& frontier, Frontier& draft,
                          Wanted& wanted) const {
  const NodePtr& node = hypothesis.draft;
  if (node->parent() == nullptr) {
    // The prompt. The model's row waits until the draft has read it, too.
    if (node->prompt_read < node->prompt().size()) {
      wanted.draft.push_back(draft.want(node, 1, false));
      frontier.hold(hypothesis.node);
    }
    draft.keep_state(node);
    return;
  }
  if (hypothesis.unread > 0) {
    wanted.draft.push_back(draft.want(node, hypothesis.rows, false));
    frontier.keep_state(ancestor(hypothesis.node, hypothesis.unread));
  }
  const std::size_t span = std::max(hypothesis.unread, hypothesis.rows);
  NodePtr at = node;
  for (std::size_t i = 0; i <= span && at != nullptr; ++i, at = at->parent()) draft.keep_state(at);
}

std::size_t Sample::draft_limit() const {
  return arm_.draft ? start_->drafts[*arm_.draft]->limit : 0;
}

bool Sample::advance() {
  const std::size_t vocab_size = context_.model.facts().vocab_size;
  for (const auto& hypothesis : live_) {
    if (hypothesis.unread > 0) continue;  // the model has said nothing of them yet
    judge_path(hypothesis.node, vocab_size, context_.options.top_alternatives);
  }
  finish_closing();
  if (!live_.empty()) {
    View view;
    show(view);
    AnswerCollector answer(view.abi, start_->limit, finish_count_, {view.unread, draft_limit()});
    search_.advance(view.abi, answer.abi());
    if (!answer.problem().empty()) {
      throw Error(Fault::plugin, fmt::format("strategy advance: {}", answer.problem()));
    }
    count_accepted(answer.moves());
    carry_out(answer.moves());
    rescore(answer.rescores());
  }
  ++round_;
  if (!live_.empty()) return false;
  if (finished_.empty()) {
    throw Error(Fault::plugin, "strategy advance: ended without a finished sequence");
  }
  return true;
}

void Sample::finish_closing() {
  for (auto& hypothesis : live_) {
    if (hypothesis.closing) finish(hypothesis, *hypothesis.closing);
  }
  std::erase_if(live_, [](const Hypothesis& hypothesis) { return hypothesis.closing.has_value(); });
}

void Sample::show(View& view) {
  const auto& facts = context_.model.facts();
  context_.rows.clear();
  std::size_t longest = 0;
  for (const auto& hypothesis : live_) {
    trellis_hypothesis shown{};
    shown.struct_size = sizeof shown;
    shown.tokens = hypothesis.tokens.data();
    shown.token_count = hypothesis.tokens.size();
    shown.row_count = hypothesis.rows;
    shown.score = hypothesis.score;
    shown.stopped = hypothesis.stopped ? 1 : 0;
    show_rows(hypothesis, shown);
    view.hypotheses.push_back(shown);
    if (arm_.draft) view.unread.push_back(hypothesis.unread);
    longest = std::max(longest, hypothesis.tokens.size());
  }
  view.noise = noise_abi(noise_key_);
  const bool masks = fills_masks();
  const std::size_t remaining = masks ? start_->limit : start_->limit - longest;
  view.abi = {
      sizeof(trellis_view),
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
      !masks && remaining == 1,
      &view.noise,
      arm_.strategy->needs().prompt_hidden ? start_->root->prompt_hidden.data() : nullptr,
      this,
      [](void* sample, const std::int32_t* tokens, std::size_t count, trellis_text_sink* text,
         trellis_error* error) {
        return static_cast<const Sample*>(sample)->write_text({tokens, count}, *text, *error);
      },
      facts.mask.value_or(-1),
      draft_limit() - std::min(draft_limit(), longest)};
}

// Rows are shown where the batch has them; several that do not lie side by side there are copied.
void Sample::show_rows(const Hypothesis& hypothesis, trellis_hypothesis& shown) {
  const auto& facts = context_.model.facts();
  const auto& needs = arm_.strategy->needs();
  const std::size_t rows = hypothesis.rows;
  std::vector<NodeRow> parts(rows);
  std::vector<TreeNode*> nodes(rows);
  const bool drafted = hypothesis.unread > 0;
  TreeNode* node = (drafted ? hypothesis.draft : hypothesis.node).get();
  for (std::size_t row = rows; row > 0; --row, node = node->parent().get()) {
    nodes[row - 1] = node;
    parts[row - 1] = node->row();
    if (node->judge(facts.vocab_size, context_.options.top_alternatives).problem() != nullptr) {
      throw unusable_logits(node->depth(), drafted ? "draft" : "model");
    }
  }
  const auto side_by_side = [&](const float* NodeRow::*part, std::size_t width) {
    const float* first = parts.front().*part;
    for (std::size_t row = 1; row < rows; ++row) {
      if (parts[row].*part != first + row * width) {
        const auto copy = context_.rows.take(rows * width);
        for (std::size_t i = 0; i < rows; ++i) {
          std::copy_n(parts[i].*part, width, copy.data() + i * width);
        }
        return static_cast<const float*>(copy.data());
      }
    }
    return first;
  };
  shown.logits = side_by_side(&NodeRow::logits, facts.vocab_size);
  shown.scores = shown.logits;
  if (needs.hidden && !drafted) shown.hidden = side_by_side(&NodeRow::hidden, facts.hidden_size);
  if (arm_.processors.empty() && !needs.processors_see_log_probabilities) return;
  const auto scores = context_.rows.take(rows * facts.vocab_size);
  for (std::size_t row = 0; row < rows; ++row) {
    process(hypothesis, row, scores.subspan(row * facts.vocab_size, facts.vocab_size));
  }
  shown.scores = scores.data();
}

void Sample::process(const Hypothesis& hypothesis, std::size_t row, std::span<float> scores) const {
  const auto& facts = context_.model.facts();
  const auto node = ancestor(hypothesis.unread > 0 ? hypothesis.draft : hypothesis.node,
                             hypothesis.rows - 1 - row);
  const std::span<const float> logits(node->row().logits, facts.vocab_size);
  const auto noise = noise_abi(noise_key_);
  // The row of a place in a block is about its own token.
  const std::size_t before = node->depth() - (fills_masks() && node->depth() > 0 ? 1 : 0);
  const auto sequence = sequence_of(
      facts, start_->tokens, std::span(hypothesis.tokens).first(before), start_->limit, noise);
  if (!compute_scores(arm_, logits, sequence, scores)) {
    throw Error(Fault::plugin, fmt::format("after {} tokens the processors left no token to choose",
                                           sequence.token_count));
  }
}

// Row r of a block follows its r-th token, so a move from row r accepts r proposals.
void Sample::count_accepted(const std::vector<Move>& moves) {
  std::vector<std::uint32_t> accepted(live_.size());
  for (const auto& move : moves) {
    accepted[move.parent] = std::max(accepted[move.parent], move.row);
  }
  for (std::size_t i = 0; i < live_.size(); ++i) {
    if (live_[i].proposed == 0) continue;
    proposed_tokens_ += live_[i].proposed;
    accepted_tokens_ += accepted[i];
  }
}

void Sample::carry_out(const std::vector<Move>& moves) {
  next_.clear();
  const std::size_t vocab_size = context_.model.facts().vocab_size;
  for (const auto& answered : moves) {
    if (fills_masks()) {
      rewrite(answered);
      continue;
    }
    const Move move = without_tokens_after_stop(answered);
    auto next = follow(move);
    if (!move.tokens.empty() && live_[move.parent].unread == 0) {
      // Only the row before its first token is there now; the others are judged once they are fed.
      judge_path(ancestor(next.node, move.tokens.size() - 1), vocab_size,
                 context_.options.top_alternatives);
    }
    if (answered.finish) next.number = finish_count_++;
    settle(std::move(next), move);
  }
  live_.swap(next_);
}

void Sample::rescore(const std::vector<Rescore>& rescores) {
  for (const auto& [finish, score] : rescores) {
    for (auto& finished : finished_) {
      if (finished.number == finish) finished.score = score;
    }
    for (auto& hypothesis : live_) {  // those whose tokens are still to be judged
      if (hypothesis.number == finish) hypothesis.score = score;
    }
  }
}

std::string Sample::text_of(std::span<const std::int32_t> tokens) const {
  auto text = context_.model.decode(tokens);
  if (const auto stop = start_->stops.find(text)) text.resize(*stop);
  return text;
}

trellis_status Sample::write_text(std::span<const std::int32_t> tokens, trellis_text_sink& sink,
                                  trellis_error& error) const noexcept {
  try {
    const auto text = text_of(tokens);
    sink.write(sink.context, text.data(), text.size());
    return TRELLIS_OK;
  } catch (const std::exception& exception) {
    const std::string_view what = exception.what();
    const auto size = std::min(what.size(), sizeof error.message - 1);
    std::copy_n(what.data(), size, error.message);
    error.message[size] = '\0';
    return TRELLIS_INVALID_ARGUMENT;
  }
}

// A stop string has ended the text: what a strategy moves on from it is dropped. A move that
// rejects a part of the stop string goes on.
Move Sample::without_tokens_after_stop(const Move& move) const {
  const auto& parent = live_[move.parent];
  if (!parent.stopped || move.finish || move.row + 1 < parent.rows) return move;
  // What the draft says is still to be verified.
  if (parent.unread > 0) return {move.parent, move.row, {}, move.score};
  return {move.parent, move.row, {}, move.score, TRELLIS_FINISH_STOP};
}

// The hypothesis that a move makes.
Sample::Hypothesis Sample::follow(const Move& move) const {
  const auto& parent = live_[move.parent];
  const std::size_t rejected = parent.rows - 1 - move.row;
  Hypothesis next;
  next.node = ancestor(parent.node, rejected);
  next.tokens.assign(parent.tokens.begin(),
                     parent.tokens.end() - static_cast<std::ptrdiff_t>(rejected));
  next.score = move.score;
  next.stop = rejected == 0 ? parent.stop : parent.stop_before;
  next.stopped = parent.unread > 0 && parent.stopped && rejected == 0;
  if (parent.draft != nullptr) next.draft = ancestor(parent.draft, rejected);
  for (const auto token : move.tokens) {
    next.node = TreeNode::child(next.node, token);
    if (next.draft != nullptr) next.draft = TreeNode::child(next.draft, token);
  }
  next.tokens.insert(next.tokens.end(), move.tokens.begin(), move.tokens.end());
  const std::size_t unread =
      (parent.unread > 0 ? parent.unread - rejected : 0) + move.tokens.size();
  if (move.reader == TRELLIS_READER_DRAFT) {
    next.unread = unread;
    next.rows = move.tokens.size();
  } else {
    next.rows = move.again + unread;
    next.proposed = move.again > 0 || unread == 0 ? 0 : unread - 1;
  }
  // Earlier than need be does no harm.
  next.stop_before = move.again > 0 || parent.unread > 0 ? parent.stop_before : next.stop;
  return next;
}

// Decides whether a new hypothesis goes on, is finished, or is finished once its last tokens have
// been judged.
void Sample::settle(Hypothesis next, const Move& move) {
  const auto completed = next.stop.advance(context_.model, start_->stops, next.tokens);
  if (completed) {
    // A stop string ends the text even in the middle of a move.
    const std::size_t cut = std::min(next.tokens.size() - *completed, move.tokens.size());
    next.tokens.resize(next.tokens.size() - cut);
    next.node = ancestor(next.node, cut);
    if (next.draft != nullptr) next.draft = ancestor(next.draft, cut);
    next.rows -= cut;
    next.unread -= std::min(next.unread, cut);
    next.proposed -= std::min(next.proposed, cut);
    next.stopped = true;
  }
  std::optional<trellis_finish_reason> reason = move.finish;
  if (!reason && next.tokens.size() >= start_->limit) {
    reason = next.stopped ? TRELLIS_FINISH_STOP : TRELLIS_FINISH_LENGTH;
  }
  // The model judges what only the draft has read.
  if (reason && next.unread > 0) next.rows = std::exchange(next.unread, 0);
  if (!reason) {
    next_.push_back(std::move(next));
  } else if (next.rows <= 1) {
    finish(next, *reason);
  } else {
    next.closing = reason;
    --next.rows;
    next_.push_back(std::move(next));
  }
}

void Sample::finish(Hypothesis& hypothesis, trellis_finish_reason reason) {
  finished_.push_back({std::move(hypothesis.tokens), std::move(hypothesis.node), hypothesis.score,
                       reason, hypothesis.number});
}

std::vector<SearchHypothesis> Sample::hypotheses() const {
  std::vector<SearchHypothesis> all;
  const auto add = [&](const auto& one, bool finished) {
    if (one.tokens.empty() || !one.node->record) return;
    all.push_back({one.tokens, one.node->record->log_probability, one.score, finished});
  };
  for (const auto& live : live_) add(live, false);
  for (const auto& finished : finished_) add(finished, true);
  return all;
}

Generation Sample::take_result() {
  const auto better = [](const Finished& a, const Finished& b) { return a.score > b.score; };
  std::stable_sort(finished_.begin(), finished_.end(), better);
  const auto best = finished_.begin();
  Generation result;
  const std::size_t others = std::min(context_.options.runners_up, finished_.size() - 1);
  for (std::size_t i = 1; i <= others; ++i) {
    result.runners_up.push_back({std::move(finished_[i].tokens), finished_[i].score});
  }
  result.text = context_.model.decode(best->tokens);
  result.tokens = records_to(*best->node);
  result.finish = finish_of(best->reason);
  result.score = best->score;
  result.proposed_tokens = proposed_tokens_;
  result.accepted_tokens = accepted_tokens_;
  if (const auto stop = start_->stops.find(result.text)) {
    result.text.resize(*stop);
    result.finish = Finish::stop;
  }
  return result;
}

}  // namespace trellis::decode

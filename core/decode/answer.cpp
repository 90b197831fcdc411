#include "core/decode/answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

namespace trellis::decode {
namespace {

// More live hypotheses of one sample than any search has use for: a strategy that runs wild is
// stopped before it takes all memory.
constexpr std::size_t kMostMoves = 4096;

// The first plugins knew no more of a move.
constexpr std::size_t kLeastMove = offsetof(trellis_move, again);

std::uint32_t again_of(const trellis_move& move) {
  return move.struct_size >= kLeastMove + sizeof move.again ? move.again : 0;
}

bool is_eos(const trellis_view& view, std::int32_t token) {
  return std::find(view.eos, view.eos + view.eos_count, token) != view.eos + view.eos_count;
}

}  // namespace

AnswerCollector::AnswerCollector(const trellis_view& view, std::size_t limit,
                                 std::uint64_t finished, const DraftView& draft)
    : view_(view),
      limit_(limit),
      finished_(finished),
      draft_(draft),
      abi_{sizeof(trellis_answer), this,
           [](void* context, const trellis_move* move, trellis_error* error) {
             return static_cast<AnswerCollector*>(context)->receive(move, nullptr, error);
           },
           [](void* context, const trellis_move* move, trellis_finish_reason reason,
              trellis_error* error) {
             return static_cast<AnswerCollector*>(context)->receive(move, &reason, error);
           },
           [](void* context, std::uint64_t finish, double score, trellis_error* error) {
             return static_cast<AnswerCollector*>(context)->receive_score(finish, score, error);
           }} {}

trellis_status AnswerCollector::receive_score(std::uint64_t finish, double score,
                                              trellis_error* error) noexcept {
  try {
    if (finish >= finished_) {
      return refuse(fmt::format("rescore of finish {} of {}", finish, finished_), error);
    }
    if (std::isnan(score)) {
      return refuse(fmt::format("rescore of finish {}: its score is not a number", finish), error);
    }
    rescores_.push_back({finish, score});
    return TRELLIS_OK;
  } catch (const std::exception& exception) {
    if (problem_.empty()) problem_ = exception.what();
    return TRELLIS_OUT_OF_MEMORY;
  }
}

trellis_status AnswerCollector::receive(const trellis_move* move,
                                        const trellis_finish_reason* reason,
                                        trellis_error* error) noexcept {
  try {
    const auto problem = check(move, reason);
    if (problem.empty()) {
      Move copy;
      copy.parent = move->parent;
      copy.row = move->row;
      copy.tokens.assign(move->tokens, move->tokens + move->token_count);
      copy.score = move->score;
      copy.again = again_of(*move);
      if (reason == nullptr) copy.reader = reader_of(*move);
      if (reason != nullptr) copy.finish = *reason;
      moves_.push_back(std::move(copy));
      if (reason != nullptr) ++finished_;
      return TRELLIS_OK;
    }
    return refuse(fmt::format("{} {} of the answer: {}", reason != nullptr ? "finish" : "move",
                              moves_.size() + 1, problem),
                  error);
  } catch (const std::exception& exception) {
    if (problem_.empty()) problem_ = exception.what();
    return TRELLIS_OUT_OF_MEMORY;
  }
}

trellis_status AnswerCollector::refuse(std::string problem, trellis_error* error) {
  if (error != nullptr) {
    const std::size_t size = std::min(problem.size(), sizeof error->message - 1);
    std::memcpy(error->message, problem.data(), size);
    error->message[size] = '\0';
  }
  if (problem_.empty()) problem_ = std::move(problem);
  return TRELLIS_INVALID_ARGUMENT;
}

// Strategies that know of no draft may leave anything there.
trellis_reader AnswerCollector::reader_of(const trellis_move& move) const {
  trellis_reader reader = TRELLIS_READER_MODEL;
  if (!draft_.unread.empty()) reader = move.reader;
  return reader;
}

std::string AnswerCollector::check(const trellis_move* move,
                                   const trellis_finish_reason* reason) const {
  if (move == nullptr || move->struct_size < kLeastMove) {
    return fmt::format("its struct_size is {}, at least {} is needed",
                       move == nullptr ? 0 : move->struct_size, kLeastMove);
  }
  if (moves_.size() >= kMostMoves) return fmt::format("more than {} in one round", kMostMoves);
  if (move->parent >= view_.hypothesis_count) {
    return fmt::format("parent {} of {} hypotheses", move->parent, view_.hypothesis_count);
  }
  const trellis_hypothesis& parent = view_.hypotheses[move->parent];
  if (move->row >= parent.row_count) {
    return fmt::format("row {} of {} rows", move->row, parent.row_count);
  }
  trellis_reader reader = TRELLIS_READER_MODEL;
  if (reason == nullptr) reader = reader_of(*move);
  if (reader > TRELLIS_READER_DRAFT) return fmt::format("reader {} is none", reader);
  const bool drafted = !draft_.unread.empty() && draft_.unread[move->parent] > 0;
  const bool may_reread = !drafted && reader == TRELLIS_READER_MODEL && reason == nullptr;
  const std::size_t most_again = may_reread && parent.row_count > 1 ? move->row + 1 : 0;
  if (again_of(*move) > most_again) {
    return fmt::format("{} tokens again where {} may be", again_of(*move), most_again);
  }
  if (move->token_count > 0 && move->tokens == nullptr) return "tokens are null";
  const bool hands_over = drafted && reader == TRELLIS_READER_MODEL;
  if (reason == nullptr && move->token_count == 0 && !hands_over) return "it has no token";
  const bool masks = view_.mask >= 0;
  const std::size_t base = masks ? 0 : length_at(parent.token_count, parent.row_count, move->row);
  if (move->token_count > limit_ - base) {
    return fmt::format("{} tokens where only {} have room", move->token_count, limit_ - base);
  }
  if (reader == TRELLIS_READER_DRAFT && base + move->token_count > draft_.limit) {
    return fmt::format("{} tokens for the draft, which has room for {}", move->token_count,
                       draft_.limit - std::min(base, draft_.limit));
  }
  for (std::size_t i = 0; i < move->token_count; ++i) {
    const std::int32_t token = move->tokens[i];
    if (token < 0 || static_cast<std::size_t>(token) >= view_.vocab_size) {
      return fmt::format("token {} is outside the vocabulary of {}", token, view_.vocab_size);
    }
  }
  if (std::isnan(move->score)) return "its score is not a number";
  if (masks) {
    auto problem = check_block(*move, reason != nullptr);
    if (!problem.empty()) return problem;
  }
  if (reason == nullptr) return {};
  return check_end(*move, *reason, base);
}

// `base`: how many of its parent's tokens the finished sequence has.
std::string AnswerCollector::check_end(const trellis_move& move, trellis_finish_reason reason,
                                       std::size_t base) const {
  if (reason < TRELLIS_FINISH_EOS || reason > TRELLIS_FINISH_STRATEGY) {
    return fmt::format("reason {} is none", reason);
  }
  if (reason != TRELLIS_FINISH_EOS) return {};
  const bool none = base + move.token_count == 0;
  const auto* parent_tokens = view_.hypotheses[move.parent].tokens;
  const std::int32_t last =
      none ? -1
           : (move.token_count > 0 ? move.tokens[move.token_count - 1] : parent_tokens[base - 1]);
  if (none || !is_eos(view_, last)) {
    return fmt::format("ends by an end symbol, but its last token is {}", last);
  }
  return {};
}

// A block takes its parent's place; every token of it is written by the round that saw its mask.
std::string AnswerCollector::check_block(const trellis_move& move, bool finish) const {
  const trellis_hypothesis& parent = view_.hypotheses[move.parent];
  if (move.row != 0 || again_of(move) != 0) return "row and again of a block must be 0";
  const std::size_t count = move.token_count;
  const auto masks =
      static_cast<std::size_t>(std::count(move.tokens, move.tokens + count, view_.mask));
  if (parent.token_count == 0) {
    return finish || masks != count ? "the first block must be moved, and be all masks" : "";
  }
  if (count != parent.token_count) {
    return fmt::format("a block of {} tokens after one of {}", count, parent.token_count);
  }
  if (finish && masks > 0) return fmt::format("it is finished with {} masks left", masks);
  return {};
}

}  // namespace trellis::decode

/// Receiving what a strategy answers: every number in it is checked before the host acts on it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trellis/abi/strategy.h"

namespace trellis::decode {

struct Move {
  std::uint32_t parent = 0;
  std::uint32_t row = 0;
  std::vector<std::int32_t> tokens;
  double score = 0;
  std::optional<trellis_finish_reason> finish = {};  ///< absent: the hypothesis goes on
  std::uint32_t again = 0;
  trellis_reader reader = TRELLIS_READER_MODEL;
};

/// What the host lends a search beside the model. Default: nothing.
struct DraftView {
  std::span<const std::size_t> unread;  ///< by hypothesis: its last tokens that only the draft read
  std::size_t limit = 0;                ///< the most tokens of a hypothesis that the draft can read
};

/// Another score for a finished sequence, by its number among those of its search.
struct Rescore {
  std::uint64_t finish = 0;
  double score = 0;
};

/// Collects the moves and finishes of one round. Not movable: the ABI struct points to it.
class AnswerCollector {
 public:
  /// `limit`: the most tokens a hypothesis may have. `finished`: how many sequences the search has
  /// finished in earlier rounds. View and draft must outlive the collector.
  AnswerCollector(const trellis_view& view, std::size_t limit, std::uint64_t finished,
                  const DraftView& draft = {});
  AnswerCollector(const AnswerCollector&) = delete;
  AnswerCollector& operator=(const AnswerCollector&) = delete;

  trellis_answer& abi() { return abi_; }
  const std::vector<Move>& moves() const { return moves_; }
  const std::vector<Rescore>& rescores() const { return rescores_; }
  /// The first thing that was wrong, in one line; empty when nothing was. It is kept even when the
  /// strategy ignores the status that it got for it.
  const std::string& problem() const { return problem_; }

 private:
  trellis_status receive(const trellis_move* move, const trellis_finish_reason* reason,
                         trellis_error* error) noexcept;
  trellis_status receive_score(std::uint64_t finish, double score, trellis_error* error) noexcept;
  trellis_status refuse(std::string problem, trellis_error* error);
  std::string check(const trellis_move* move, const trellis_finish_reason* reason) const;
  std::string check_block(const trellis_move& move, bool finish) const;
  trellis_reader reader_of(const trellis_move& move) const;
  std::string check_end(const trellis_move& move, trellis_finish_reason reason,
                        std::size_t base) const;

  const trellis_view& view_;
  std::size_t limit_;
  std::uint64_t finished_;  // with this answer's
  DraftView draft_;
  trellis_answer abi_;
  std::vector<Move> moves_;
  std::vector<Rescore> rescores_;
  std::string problem_;
};

/// How many tokens `hypothesis` has up to and including `row`.
inline std::size_t length_at(std::size_t token_count, std::size_t row_count, std::size_t row) {
  return token_count - (row_count - 1 - row);
}

}  // namespace trellis::decode

/// What strategies of masked prediction share: how long a block is, and what may stand in a place.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "trellis/sdk/strategy.hpp"

namespace trellis::strategies {

/// The `count` lengths that the first view finds likeliest, the best first, of equals the shorter.
/// Fewer where the text leaves no room for more, or no more are possible.
inline std::vector<std::size_t> likeliest_lengths(const trellis_view& view, std::size_t count) {
  const auto scores = sdk::last_scores(view, 0);
  std::vector<std::size_t> lengths(std::min(view.remaining, view.vocab_size - 1));
  std::iota(lengths.begin(), lengths.end(), std::size_t{1});
  count = std::min(count, lengths.size());
  std::partial_sort(lengths.begin(), lengths.begin() + static_cast<std::ptrdiff_t>(count),
                    lengths.end(), [&](std::size_t a, std::size_t b) {
                      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
                    });
  lengths.resize(count);
  std::erase_if(lengths, [&](std::size_t length) { return scores[length] == sdk::kForbidden; });
  if (lengths.empty())
    throw sdk::Failure(TRELLIS_INVALID_ARGUMENT,
                       "the model finds no length possible that fits beside the text");
  return lengths;
}

inline std::vector<std::int32_t> all_masks(const trellis_view& view, std::size_t length) {
  return std::vector<std::int32_t>(length, view.mask);
}

/// What may stand in a place of a block: its scores, without the mask's.
class Choices {
 public:
  /// Throws Failure where nothing is left to choose.
  void look(const trellis_view& view, std::size_t hypothesis, std::size_t place) {
    const float* row = view.hypotheses[hypothesis].scores + place * view.vocab_size;
    scores_.assign(row, row + view.vocab_size);
    scores_[static_cast<std::size_t>(view.mask)] = sdk::kForbidden;
    if (!kernels::has_choice(scores_))
      throw sdk::Failure(TRELLIS_INVALID_ARGUMENT,
                         "the logits processors leave no token but the mask; loosen them");
    log_sum_exp_ = kernels::log_sum_exp(scores_);
  }

  std::span<const float> scores() const { return scores_; }
  /// Of equals the lowest.
  std::int32_t best() const {
    return static_cast<std::int32_t>(std::max_element(scores_.begin(), scores_.end()) -
                                     scores_.begin());
  }
  double log_probability(std::int32_t token) const {
    return static_cast<double>(scores_[static_cast<std::size_t>(token)]) - log_sum_exp_;
  }

 private:
  std::vector<float> scores_;
  double log_sum_exp_ = 0;
};

/// A block under way, with the log-probability of each token when it was written.
struct Block {
  std::vector<std::int32_t> tokens;
  std::vector<double> log_probabilities;

  explicit Block(std::vector<std::int32_t> masks)
      : tokens(std::move(masks)), log_probabilities(tokens.size(), 0.0) {}
  double mean() const {
    return std::accumulate(log_probabilities.begin(), log_probabilities.end(), 0.0) /
           static_cast<double>(tokens.size());
  }
};

}  // namespace trellis::strategies

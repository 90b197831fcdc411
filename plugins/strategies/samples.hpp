/// Several samples of one prompt, drawn side by side in one search.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "trellis/sdk/strategy.hpp"

namespace trellis::strategies {

/// A sample that has ended.
struct EndedSample {
  std::vector<std::int32_t> tokens;  ///< the end symbol included
  double log_probability = 0;        ///< sum over its tokens, after the processors
};

class ParallelSamples {
 public:
  explicit ParallelSamples(std::size_t count) : members_(count, 0), numbers_(count) {
    std::iota(numbers_.begin(), numbers_.end(), std::size_t{0});
  }

  /// Draws one token for each sample that is under way and answers with it. What ends is finished
  /// with the score that `score` gives for it, in the order of ended().
  template <typename Score>
  void advance(const trellis_view& view, sdk::Answer& answer, Score&& score) {
    std::vector<std::size_t> going;
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      if (advance_one(view, members_[i], numbers_[i], answer, score)) going.push_back(numbers_[i]);
    }
    numbers_ = std::move(going);
    members_.resize(numbers_.size());
    std::iota(members_.begin(), members_.end(), std::size_t{0});
  }

  bool over() const { return numbers_.empty(); }
  const std::vector<EndedSample>& ended() const { return ended_; }

 private:
  // Returns whether sample `number` goes on.
  template <typename Score>
  bool advance_one(const trellis_view& view, std::size_t hypothesis, std::size_t number,
                   sdk::Answer& answer, Score& score) {
    const auto& shown = view.hypotheses[hypothesis];
    const auto end = [&](std::span<const std::int32_t> last, double sum,
                         trellis_finish_reason reason) {
      auto& ended = ended_.emplace_back();
      ended.tokens.assign(shown.tokens, shown.tokens + shown.token_count);
      ended.tokens.insert(ended.tokens.end(), last.begin(), last.end());
      ended.log_probability = sum;
      answer.finish(view, hypothesis, last, score(ended), reason);
      return false;
    };
    if (shown.stopped != 0) return end({}, shown.score, TRELLIS_FINISH_STOP);
    const auto scores = sdk::last_scores(view, hypothesis);
    const double log_sum_exp = kernels::log_sum_exp(scores);
    const auto token = draw(view, scores, log_sum_exp, number);
    const double sum =
        shown.score + static_cast<double>(scores[static_cast<std::size_t>(token)]) - log_sum_exp;
    if (sdk::is_eos(view, token)) return end({&token, 1}, sum, TRELLIS_FINISH_EOS);
    if (view.last_round != 0) return end({&token, 1}, sum, TRELLIS_FINISH_LENGTH);
    answer.move(view, hypothesis, {&token, 1}, sum);
    return true;
  }

  // All samples of one search see the same Gumbel noise, so each inverts the distribution function
  // at a number of its own.
  static std::int32_t draw(const trellis_view& view, std::span<const float> scores,
                           double log_sum_exp, std::size_t number) {
    const auto place = view.hypotheses[0].token_count;
    double left =
        view.noise->uniform(view.noise->context, place, static_cast<std::uint32_t>(number));
    std::size_t last = 0;  // the last token with any probability: sums may end just below one
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double p = std::exp(static_cast<double>(scores[i]) - log_sum_exp);
      if (p <= 0) continue;
      last = i;
      left -= p;
      if (left < 0) break;
    }
    return static_cast<std::int32_t>(last);
  }

  std::vector<std::size_t> members_;  // hypotheses of the samples under way, in the view
  std::vector<std::size_t> numbers_;  // of these samples
  std::vector<EndedSample> ended_;
};

}  // namespace trellis::strategies

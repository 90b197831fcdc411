/// One set of beams: candidates, what may finish, and when nothing better can come.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace trellis::strategies {

struct BeamOptions {
  std::int64_t num_beams = 4;
  double length_penalty = 1.0;
  std::string early_stopping = "heuristic";
  /// Whether to stop is judged by the best candidate even if it has just ended (the older rule),
  /// not by the best one that goes on.
  bool ended_may_win = false;
};

/// A continuation of one hypothesis by one token.
struct Candidate {
  double score;  ///< sum of log-probabilities
  std::size_t parent;
  std::int32_t token;
};

class Beams {
 public:
  explicit Beams(const BeamOptions& options)
      : options_(options), num_beams_(static_cast<std::size_t>(options.num_beams)) {}

  /// Finishes what ends here and moves what goes on, unless the search of these beams is over then.
  /// Returns what would go on. members: their hypotheses in the view. taken: how much the score of
  /// each token is lowered, or empty.
  std::vector<Candidate> advance(const trellis_view& view, std::span<const std::size_t> members,
                                 std::span<const float> taken, sdk::Answer& answer) {
    const std::size_t length = view.hypotheses[members.front()].token_count + 1;
    std::vector<Candidate> running;
    // Only the best num_beams candidates may finish, so that a poor end does not push out a good
    // continuation; enough are drawn that num_beams can go on whatever ends.
    const auto candidates =
        best_candidates(view, members, taken, num_beams_ * (1 + view.eos_count));
    for (std::size_t place = 0; place < candidates.size(); ++place) {
      const auto& candidate = candidates[place];
      const auto reason = reason_to_finish(view, candidate);
      if (reason && place < num_beams_) {
        const double score = normalised(candidate.score, length);
        answer.finish(view, candidate.parent, {&candidate.token, 1}, score, *reason);
        remember(score);
      }
      if (reason != TRELLIS_FINISH_EOS && running.size() < num_beams_) running.push_back(candidate);
    }
    finish_stopped(view, members, answer);
    over_ = view.last_round != 0 || running.empty() ||
            is_done(view, (options_.ended_may_win ? candidates : running).front().score, length);
    if (over_) return running;
    for (const auto& candidate : running) {
      answer.move(view, candidate.parent, {&candidate.token, 1}, candidate.score);
    }
    return running;
  }

  bool over() const { return over_; }

 private:
  static std::optional<trellis_finish_reason> reason_to_finish(const trellis_view& view,
                                                               const Candidate& candidate) {
    if (sdk::is_eos(view, candidate.token)) return TRELLIS_FINISH_EOS;
    if (view.last_round != 0) return TRELLIS_FINISH_LENGTH;
    return std::nullopt;
  }

  double normalised(double sum, std::size_t length) const {
    return sum / std::pow(static_cast<double>(length), options_.length_penalty);
  }

  std::vector<Candidate> best_candidates(const trellis_view& view,
                                         std::span<const std::size_t> members,
                                         std::span<const float> taken, std::size_t count) {
    std::vector<Candidate> all;
    for (const auto h : members) {
      if (view.hypotheses[h].stopped != 0) continue;
      auto scores = sdk::last_scores(view, h);
      if (!taken.empty()) {
        lowered_.resize(scores.size());
        std::transform(scores.begin(), scores.end(), taken.begin(), lowered_.begin(),
                       std::minus<>());
        scores = lowered_;
      }
      kernels::top_k(scores, count, indices_);
      for (const auto token : indices_) {
        all.push_back({view.hypotheses[h].score + static_cast<double>(scores[token]), h,
                       static_cast<std::int32_t>(token)});
      }
    }
    const auto by_score = [](const Candidate& a, const Candidate& b) {
      return std::tuple(-a.score, a.parent, a.token) < std::tuple(-b.score, b.parent, b.token);
    };
    const std::size_t kept = std::min(count, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(),
                      by_score);
    all.resize(kept);
    return all;
  }

  void finish_stopped(const trellis_view& view, std::span<const std::size_t> members,
                      sdk::Answer& answer) {
    for (const auto h : members) {
      if (view.hypotheses[h].stopped == 0) continue;
      const double score = normalised(view.hypotheses[h].score, view.hypotheses[h].token_count);
      answer.finish(view, h, {}, score, TRELLIS_FINISH_STOP);
      remember(score);
    }
  }

  // Keeps the num_beams best scores, the worst at the front.
  void remember(double score) {
    finished_.push_back(score);
    std::push_heap(finished_.begin(), finished_.end(), std::greater<>());
    if (finished_.size() > num_beams_) {
      std::pop_heap(finished_.begin(), finished_.end(), std::greater<>());
      finished_.pop_back();
    }
  }

  bool is_done(const trellis_view& view, double best_running, std::size_t length) const {
    if (finished_.size() < num_beams_) return false;
    if (options_.early_stopping == "first") return true;
    const bool longest = options_.early_stopping == "never" && options_.length_penalty > 0;
    return normalised(best_running, longest ? view.max_new_tokens : length) <= finished_.front();
  }

  BeamOptions options_;
  std::size_t num_beams_;
  std::vector<double> finished_;
  bool over_ = false;
  std::vector<std::uint32_t> indices_;
  std::vector<float> lowered_;
};

}  // namespace trellis::strategies

/// Beam search with a length penalty.
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t num_beams = 4;
  double length_penalty = 1.0;
  std::string early_stopping = "heuristic";
};

const auto schema =
    sdk::Settings<Options>()
        .integer("num_beams", &Options::num_beams, {.at_least = 1, .at_most = 1000},
                 "How many hypotheses are kept at every step.")
        .number("length_penalty", &Options::length_penalty, {.at_least = -10, .at_most = 10},
                "The sum of log-probabilities is divided by length to this power; above 0 longer "
                "outputs gain.")
        .choice("early_stopping", &Options::early_stopping, {"heuristic", "first", "never"},
                "When num_beams are finished: stop if none of today's length can beat them, stop "
                "at once, or stop only if none of any length can.");

struct Candidate {
  double score;  // sum of log-probabilities
  std::size_t parent;
  std::int32_t token;
};

class BeamSearch final : public sdk::Search {
 public:
  explicit BeamSearch(const Options& options)
      : options_(options), num_beams_(static_cast<std::size_t>(options.num_beams)) {}

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    const std::size_t length = view.hypotheses[0].token_count + 1;
    std::vector<Candidate> running;
    // Only the best num_beams candidates may finish, so that a poor end does not push out a good
    // continuation; enough are drawn that num_beams can go on whatever ends.
    const auto candidates = best_candidates(view, num_beams_ * (1 + view.eos_count));
    for (std::size_t place = 0; place < candidates.size(); ++place) {
      const auto& candidate = candidates[place];
      const auto reason = reason_to_finish(view, candidate);
      if (reason && place < num_beams_) {
        const double score = normalised(candidate.score, length);
        answer.finish(view, candidate.parent, {&candidate.token, 1}, score, *reason);
        remember(score);
      } else if (!reason && running.size() < num_beams_) {
        running.push_back(candidate);
      }
    }
    finish_stopped(view, answer);
    if (running.empty() || is_done(view, running.front().score, length)) return;
    for (const auto& candidate : running) {
      answer.move(view, candidate.parent, {&candidate.token, 1}, candidate.score);
    }
  }

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

  std::vector<Candidate> best_candidates(const trellis_view& view, std::size_t count) {
    std::vector<Candidate> all;
    for (std::size_t h = 0; h < view.hypothesis_count; ++h) {
      if (view.hypotheses[h].stopped != 0) continue;
      const auto scores = sdk::last_scores(view, h);
      trellis::kernels::top_k(scores, count, indices_);
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

  void finish_stopped(const trellis_view& view, sdk::Answer& answer) {
    for (std::size_t h = 0; h < view.hypothesis_count; ++h) {
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

  const Options& options_;
  std::size_t num_beams_;
  std::vector<double> finished_;
  std::vector<std::uint32_t> indices_;
};

class Beam {
 public:
  static sdk::Json description() {
    return {{"id", "beam"},
            {"kind", "strategy"},
            {"version", "1.0.0"},
            {"summary", "Keeps the num_beams most probable hypotheses and answers with the best."},
            {"reference", "Graves 2012; length penalty: Wu et al. 2016 (as a plain power)"},
            {"processors_see", "log_probabilities"},
            {"stochastic", false},
            {"width", "num_beams"},
            {"primary", "num_beams"},
            {"settings", schema.description()}};
  }

  explicit Beam(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<BeamSearch>(options_);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<Beam>());

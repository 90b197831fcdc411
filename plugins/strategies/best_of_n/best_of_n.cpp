/// Best of n: several samples at once, of which the most probable is the answer.
#include <cmath>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t n = 8;
  double length_penalty = 1.0;
};

const auto schema =
    sdk::Settings<Options>()
        .integer("n", &Options::n, {.at_least = 1, .at_most = 1000}, "How many samples are drawn.")
        .number(
            "length_penalty", &Options::length_penalty, {.at_least = -10, .at_most = 10},
            "The sum of log-probabilities is divided by length to this power; 0 compares sums.");

class BestOfNSearch final : public sdk::Search {
 public:
  explicit BestOfNSearch(const Options& options) : options_(options) {}

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    if (view.round == 0) {
      members_.assign(static_cast<std::size_t>(options_.n), 0);
      numbers_.resize(members_.size());
      for (std::size_t i = 0; i < numbers_.size(); ++i) numbers_[i] = i;
    }
    std::vector<std::size_t> going;
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      if (advance_one(view, members_[i], numbers_[i], answer)) going.push_back(numbers_[i]);
    }
    numbers_ = going;
    members_.resize(numbers_.size());
    for (std::size_t i = 0; i < members_.size(); ++i) members_[i] = i;
  }

 private:
  // One token more for sample `number`; returns whether it goes on.
  bool advance_one(const trellis_view& view, std::size_t hypothesis, std::size_t number,
                   sdk::Answer& answer) const {
    const auto& shown = view.hypotheses[hypothesis];
    if (shown.stopped != 0) {
      answer.finish(view, hypothesis, {}, normalised(shown.score, shown.token_count),
                    TRELLIS_FINISH_STOP);
      return false;
    }
    const auto scores = sdk::last_scores(view, hypothesis);
    const double log_sum_exp = trellis::kernels::log_sum_exp(scores);
    const auto token = draw(view, scores, log_sum_exp, number);
    const double sum =
        shown.score + static_cast<double>(scores[static_cast<std::size_t>(token)]) - log_sum_exp;
    const bool end = sdk::is_eos(view, token);
    if (end || view.last_round != 0) {
      answer.finish(view, hypothesis, {&token, 1}, normalised(sum, shown.token_count + 1),
                    end ? TRELLIS_FINISH_EOS : TRELLIS_FINISH_LENGTH);
      return false;
    }
    answer.move(view, hypothesis, {&token, 1}, sum);
    return true;
  }

  // Samples of one search see the same Gumbel noise, so each inverts the distribution function at a
  // number of its own.
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

  double normalised(double sum, std::size_t length) const {
    return sum /
           std::pow(static_cast<double>(std::max<std::size_t>(length, 1)), options_.length_penalty);
  }

  const Options& options_;
  std::vector<std::size_t> members_;  // hypotheses of the samples under way, in the view
  std::vector<std::size_t> numbers_;  // of these samples
};

class BestOfN {
 public:
  static sdk::Json description() {
    return {{"id", "best_of_n"},
            {"kind", "strategy"},
            {"version", "1.0.0"},
            {"summary", "Draws n samples and answers with the one that is the most probable."},
            {"formula", "argmax over n samples of sum of log p(y_t) / |y|^length_penalty"},
            {"reference", "Adiwardana et al. 2020, arXiv:2001.09977 (sample and rank)"},
            {"stochastic", true},
            {"width", "n"},
            {"primary", "n"},
            {"settings", schema.description()}};
  }

  explicit BestOfN(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<BestOfNSearch>(options_);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<BestOfN>());

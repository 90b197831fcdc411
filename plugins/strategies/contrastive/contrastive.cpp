/// Contrastive search: a probable token whose meaning differs from all that was said.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t k = 4;
  double alpha = 0.6;
};

const auto schema =
    sdk::Settings<Options>()
        .integer("k", &Options::k, {.at_least = 1, .at_most = 1000},
                 "How many of the most probable tokens are weighed; each is computed.")
        .number("alpha", &Options::alpha, {.at_least = 0, .at_most = 1},
                "Weight of the penalty for likeness; 0 is greedy search.");

// The hypotheses of a view are the candidates for the last token; the best is chosen and its own
// most probable tokens are the next candidates.
class ContrastiveSearch final : public sdk::Search {
 public:
  explicit ContrastiveSearch(const Options& options) : options_(options) {}

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    if (view.hidden_size == 0) {
      throw sdk::Failure(TRELLIS_UNSUPPORTED,
                         "the model has no hidden states, which contrastive search compares");
    }
    std::size_t chosen = 0;
    if (view.round == 0) {
      for (std::size_t i = 0; i < view.prompt_count; ++i) {
        remember(view.prompt_hidden + i * view.hidden_size, view.hidden_size);
      }
    } else {
      chosen = best_candidate(view);
      remember(hidden_of(view, chosen), view.hidden_size);
      const auto& shown = view.hypotheses[chosen];
      if (sdk::is_eos(view, shown.tokens[shown.token_count - 1])) {
        answer.finish(view, chosen, {}, 0, TRELLIS_FINISH_EOS);
        return;
      }
      if (shown.stopped != 0) {
        answer.finish(view, chosen, {}, 0, TRELLIS_FINISH_STOP);
        return;
      }
    }
    // What follows the last token is never computed, so the last one is the most probable.
    const auto count = view.last_round != 0 ? 1 : static_cast<std::size_t>(options_.k);
    const auto scores = sdk::last_scores(view, chosen);
    const double log_sum_exp = trellis::kernels::log_sum_exp(scores);
    trellis::kernels::top_k(scores, count, candidates_);
    probabilities_.clear();
    for (const auto candidate : candidates_) {
      const auto token = static_cast<std::int32_t>(candidate);
      probabilities_.push_back(std::exp(static_cast<double>(scores[candidate]) - log_sum_exp));
      if (view.last_round != 0 && sdk::is_eos(view, token)) {
        answer.finish(view, chosen, {&token, 1}, 0, TRELLIS_FINISH_EOS);
      } else {
        answer.move(view, chosen, {&token, 1}, 0);
      }
    }
  }

 private:
  static const float* hidden_of(const trellis_view& view, std::size_t hypothesis) {
    const auto& shown = view.hypotheses[hypothesis];
    return shown.hidden + (shown.row_count - 1) * view.hidden_size;
  }

  // Keeps a vector at length one, so that cosines are plain products.
  void remember(const float* hidden, std::size_t size) {
    const auto unit = normalised(hidden, size);
    earlier_.insert(earlier_.end(), unit.begin(), unit.end());
  }

  static std::vector<double> normalised(const float* hidden, std::size_t size) {
    std::vector<double> unit(hidden, hidden + size);
    double squares = 0;
    for (const double x : unit) squares += x * x;
    const double length = std::sqrt(squares);
    if (length > 0) {
      for (double& x : unit) x /= length;
    }
    return unit;
  }

  double greatest_likeness(const float* hidden, std::size_t size) const {
    const auto unit = normalised(hidden, size);
    double greatest = -1;
    for (std::size_t begin = 0; begin < earlier_.size(); begin += size) {
      double cosine = 0;
      for (std::size_t i = 0; i < size; ++i) cosine += unit[i] * earlier_[begin + i];
      greatest = std::max(greatest, cosine);
    }
    return greatest;
  }

  // Of equals the more probable one, which comes first.
  std::size_t best_candidate(const trellis_view& view) const {
    std::size_t best = 0;
    double best_score = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < view.hypothesis_count; ++i) {
      const double likeness = greatest_likeness(hidden_of(view, i), view.hidden_size);
      const double score = (1 - options_.alpha) * probabilities_[i] - options_.alpha * likeness;
      if (score > best_score) {
        best_score = score;
        best = i;
      }
    }
    return best;
  }

  const Options& options_;
  std::vector<double> earlier_;  // [tokens so far, hidden_size], each of length one
  std::vector<std::uint32_t> candidates_;
  std::vector<double> probabilities_;  // of the candidates that the next view shows
};

class Contrastive {
 public:
  static sdk::Json description() {
    return {
        {"id", "contrastive"},
        {"kind", "strategy"},
        {"version", "1.0.0"},
        {"summary", "Takes a probable token whose hidden state is unlike all earlier ones."},
        {"formula",
         "y_t = argmax over the k most probable of (1 - alpha) p(v) - alpha max_j cos(h_v, h_j)"},
        {"reference", "Su, Lan, Wang, Yogatama, Kong, Collier 2022, arXiv:2202.06417"},
        {"needs", {"hidden", "prompt_hidden"}},
        {"stochastic", false},
        {"width", "k"},
        {"primary", "k"},
        {"settings", schema.description()}};
  }

  explicit Contrastive(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<ContrastiveSearch>(options_);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<Contrastive>());

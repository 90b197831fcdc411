/// Mirostat 2: sampling whose cut follows a wished surprise.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  double tau = 5.0;
  double eta = 0.1;
};

const auto schema = sdk::Settings<Options>()
                        .number("tau", &Options::tau, {.above = 0, .at_most = 100},
                                "Wished surprise of the text, in bits a token.")
                        .number("eta", &Options::eta, {.above = 0, .at_most = 1},
                                "How fast the bound follows what was drawn.");

// The bound belongs to one sample, so it lives in its search.
class MirostatSearch final : public sdk::Search {
 public:
  explicit MirostatSearch(const Options& options) : options_(options), bound_(2 * options.tau) {}

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    if (view.hypotheses[0].stopped != 0) {
      answer.finish(view, 0, {}, 0, TRELLIS_FINISH_STOP);
      return;
    }
    const auto token = choose(view, sdk::last_scores(view, 0));
    if (sdk::is_eos(view, token)) {
      answer.finish(view, 0, {&token, 1}, 0, TRELLIS_FINISH_EOS);
    } else {
      answer.move(view, 0, {&token, 1}, 0);
    }
  }

 private:
  std::int32_t choose(const trellis_view& view, std::span<const float> scores) {
    const double log_sum_exp = trellis::kernels::log_sum_exp(scores);
    const double least = log_sum_exp - bound_ * std::log(2);
    const auto best = trellis::kernels::argmax(scores);
    kept_.assign(scores.begin(), scores.end());
    trellis::kernels::forbid_less(kept_, std::min(static_cast<float>(least), scores[best]));
    const auto token = sdk::draw_token(*view.noise, view.hypotheses[0].token_count, kept_);
    const double score = scores[static_cast<std::size_t>(token)];
    bound_ -= options_.eta * ((log_sum_exp - score) / std::log(2) - options_.tau);
    return token;
  }

  const Options& options_;
  double bound_;  // bits
  std::vector<float> kept_;
};

class Mirostat {
 public:
  static sdk::Json description() {
    return {
        {"id", "mirostat"},
        {"kind", "strategy"},
        {"version", "1.0.0"},
        {"summary", "Samples with a cut that follows a wished surprise (Mirostat 2)."},
        {"formula",
         "v stays if -log2 p(v) <= mu; mu = 2 tau at first, then mu - eta * (-log2 p(y) - tau)"},
        {"reference", "Basu, Ramachandran, Keskar, Varshney 2021, arXiv:2007.14966"},
        {"stochastic", true},
        {"primary", "tau"},
        {"settings", schema.description()}};
  }

  explicit Mirostat(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<MirostatSearch>(options_);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<Mirostat>());

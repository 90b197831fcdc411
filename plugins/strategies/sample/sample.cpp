/// Ancestral sampling from the distribution that the processors leave.
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

class Sample {
 public:
  static sdk::Json description() {
    return {{"id", "sample"},
            {"kind", "strategy"},
            {"version", "1.0.0"},
            {"summary", "Draws each token by its probability, after temperature, top_k, top_p ..."},
            {"formula", "y_t = argmax (s(v) + g(v)), g Gumbel noise: a draw from softmax(s)"},
            {"reference", "Gumbel-max: Gumbel 1954; Maddison, Tarlow, Minka 2014"},
            {"stochastic", true},
            {"settings", sdk::Json::array()}};
  }

  explicit Sample(const sdk::Json&) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<sdk::SingleTokenSearch<Sample>>(*this);
  }

  // The argmax of logits plus Gumbel noise is distributed as their softmax. The noise belongs to
  // the place and the token, so settings that filter differently still mostly draw alike.
  std::int32_t choose(const trellis_view& view, std::span<const float> scores) const {
    return sdk::draw_token(*view.noise, view.hypotheses[0].token_count, scores);
  }
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<Sample>());

/// Ancestral sampling from the distribution that the processors leave.
#include <vector>

#include "core/kernels/selection.hpp"
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
    std::vector<float> noisy(scores.size());
    view.noise->gumbel(view.noise->context, view.hypotheses[0].token_count, noisy.data(),
                       noisy.size());
    for (std::size_t i = 0; i < scores.size(); ++i) noisy[i] += scores[i];
    return static_cast<std::int32_t>(trellis::kernels::argmax(noisy));
  }
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<Sample>());

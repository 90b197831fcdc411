/// Greedy search: the most probable token, every time.
#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

class Greedy {
 public:
  static sdk::Json description() {
    return {{"id", "greedy"},
            {"kind", "strategy"},
            {"version", "1.0.0"},
            {"summary", "Takes the most probable token at every step; of equals the lowest id."},
            {"formula", "y_t = argmax s(v)"},
            {"stochastic", false},
            {"settings", sdk::Json::array()}};
  }

  explicit Greedy(const sdk::Json&) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<sdk::SingleTokenSearch<Greedy>>(*this);
  }

  std::int32_t choose(const trellis_view&, std::span<const float> scores) const {
    return static_cast<std::int32_t>(trellis::kernels::argmax(scores));
  }
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<Greedy>());

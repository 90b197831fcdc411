// A strategy: one of the two best tokens, the better one with a probability of your choice.
#include <algorithm>
#include <trellis/sdk/strategy.hpp>

namespace sdk = trellis::sdk;

namespace {

// Each setting is declared once, with its range and one sentence; the initialiser is its default.
struct Options {
  double best = 0.8;
};
const auto schema = sdk::Settings<Options>().number(
    "best", &Options::best, {.at_least = 0, .at_most = 1}, "Probability of the better token.");

class TopTwo {
 public:
  static sdk::Json description() {
    return {{"id", "top_two"},
            {"kind", "strategy"},
            {"version", "1.0.0"},
            {"summary", "Draws one of the two most probable tokens."},
            {"stochastic", true},  // so more samples of one prompt are worth making
            {"settings", schema.description()}};
  }

  explicit TopTwo(const sdk::Json& settings) : options_(schema.read(settings)) {}

  // SingleTokenSearch finishes at end symbols and stop strings; it asks choose() for each token.
  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<sdk::SingleTokenSearch<TopTwo>>(*this);
  }

  std::int32_t choose(const trellis_view& view, std::span<const float> scores) const {
    std::vector<std::int32_t> order(scores.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
    const auto better = [&](auto a, auto b) {
      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;  // never leave ties to chance
    };
    const std::size_t kept = std::min<std::size_t>(2, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                      better);
    // Chance comes from the host alone: the same seed gives the same draw at the same place.
    const auto& noise = *view.noise;
    const auto place = view.hypotheses[0].token_count;
    return noise.uniform(noise.context, place, 0) < options_.best ? order.front() : order[kept - 1];
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<TopTwo>());

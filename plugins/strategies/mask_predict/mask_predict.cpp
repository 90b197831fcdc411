/// Mask-predict: all places at once, then again those that were least certain.
#include "plugins/strategies/blocks.hpp"

namespace {

namespace sdk = trellis::sdk;
using trellis::strategies::Block;

struct Options {
  std::int64_t iterations = 10;
  std::int64_t lengths = 3;
};

const auto schema =
    sdk::Settings<Options>()
        .integer("iterations", &Options::iterations, {.at_least = 1, .at_most = 1000},
                 "How often the places are predicted; fewer and fewer of them are masked.")
        .integer("lengths", &Options::lengths, {.at_least = 1, .at_most = 1000},
                 "How many of the likeliest lengths are tried side by side.");

// The hypotheses of a view are the blocks of several lengths, all in the same iteration.
class MaskPredictSearch final : public sdk::Search {
 public:
  explicit MaskPredictSearch(const Options& options) : options_(options) {}

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    if (view.round == 0) {
      const auto count = static_cast<std::size_t>(options_.lengths);
      for (const auto length : trellis::strategies::likeliest_lengths(view, count)) {
        blocks_.emplace_back(trellis::strategies::all_masks(view, length));
        answer.move_from(0, 0, blocks_.back().tokens, 0);
      }
      return;
    }
    std::vector<Block> going;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      Block& block = blocks_[i];
      predict(view, i, block);
      const std::size_t masks = masks_after(view.round, block.tokens.size());
      if (masks == 0) {
        answer.finish_from(i, 0, block.tokens, block.mean(), TRELLIS_FINISH_STRATEGY);
        continue;
      }
      mask_least_certain(view, masks, block);
      answer.move_from(i, 0, block.tokens, block.mean());
      going.push_back(std::move(block));
    }
    blocks_ = std::move(going);
  }

 private:
  // n = N (T - t) / T, rounded down, after iteration t of T.
  std::size_t masks_after(std::uint64_t iteration, std::size_t length) const {
    const auto all = static_cast<std::uint64_t>(options_.iterations);
    return iteration >= all ? 0 : length * (all - iteration) / all;
  }

  void predict(const trellis_view& view, std::size_t hypothesis, Block& block) {
    for (std::size_t place = 0; place < block.tokens.size(); ++place) {
      if (block.tokens[place] != view.mask) continue;
      choices_.look(view, hypothesis, place);
      block.tokens[place] = choices_.best();
      block.log_probabilities[place] = choices_.log_probability(block.tokens[place]);
    }
  }

  // Of equals the first.
  static void mask_least_certain(const trellis_view& view, std::size_t count, Block& block) {
    std::vector<std::size_t> places(block.tokens.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
      return block.log_probabilities[a] < block.log_probabilities[b];
    });
    for (std::size_t i = 0; i < count; ++i) block.tokens[places[i]] = view.mask;
  }

  const Options& options_;
  std::vector<Block> blocks_;  // as the view's hypotheses
  trellis::strategies::Choices choices_;
};

class MaskPredict {
 public:
  static sdk::Json description() {
    return {{"id", "mask_predict"},
            {"kind", "strategy"},
            {"version", "1.0.0"},
            {"summary", "Fills in all masks at once, then the least certain places again."},
            {"formula", "after iteration t of T the N (T - t) / T places of least p are masked"},
            {"reference", "Ghazvininejad, Levy, Liu, Zettlemoyer 2019, arXiv:1904.09324"},
            {"needs", {"masked_prediction"}},
            {"stochastic", false},
            {"width", "lengths"},
            {"primary", "iterations"},
            {"settings", schema.description()}};
  }

  explicit MaskPredict(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<MaskPredictSearch>(options_);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<MaskPredict>());

/// Gibbs sampling: one place after another is masked and drawn again, given all others.
#include "plugins/strategies/blocks.hpp"

namespace {

namespace sdk = trellis::sdk;
using trellis::strategies::Block;

struct Options {
  std::int64_t sweeps = 5;
  std::string order = "random";
  std::int64_t lengths = 3;
};

const auto schema =
    sdk::Settings<Options>()
        .integer("sweeps", &Options::sweeps, {.at_least = 1, .at_most = 1000},
                 "How often each place is drawn; the first time fills in the masks.")
        .choice("order", &Options::order, {"random", "left_to_right"},
                "In which order a sweep goes through the places.")
        .integer("lengths", &Options::lengths, {.at_least = 1, .at_most = 1000},
                 "From how many of the likeliest lengths one is drawn; 1 takes the likeliest.");

// Draws of `uniform` at one position.
constexpr std::uint32_t kLengthDraw = 0;
constexpr std::uint32_t kOrderDraw = 1;

class GibbsSearch final : public sdk::Search {
 public:
  explicit GibbsSearch(const Options& options) : options_(options) {}

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    if (view.round == 0) {
      block_ = Block(trellis::strategies::all_masks(view, draw_length(view)));
      plan_sweep(view);
      answer.move_from(0, 0, block_.tokens, 0);
      return;
    }
    // Each round draws one place, by the noise of its own number.
    const std::size_t place = order_[drawn_ % order_.size()];
    choices_.look(view, 0, place);
    const auto token = sdk::draw_token(*view.noise, drawn_, choices_.scores());
    block_.tokens[place] = token;
    block_.log_probabilities[place] = choices_.log_probability(token);
    ++drawn_;
    const std::size_t all = order_.size() * static_cast<std::size_t>(options_.sweeps);
    if (drawn_ == all) {
      answer.finish_from(0, 0, block_.tokens, block_.mean(), TRELLIS_FINISH_STRATEGY);
      return;
    }
    if (drawn_ % order_.size() == 0) plan_sweep(view);
    block_.tokens[order_[drawn_ % order_.size()]] = view.mask;
    answer.move_from(0, 0, block_.tokens, block_.mean());
  }

 private:
  static double uniform(const trellis_view& view, std::uint64_t position, std::uint32_t draw) {
    return view.noise->uniform(view.noise->context, position, draw);
  }

  std::size_t draw_length(const trellis_view& view) const {
    const auto lengths =
        trellis::strategies::likeliest_lengths(view, static_cast<std::size_t>(options_.lengths));
    const auto scores = sdk::last_scores(view, 0);
    std::vector<float> kept;
    for (const auto length : lengths) kept.push_back(scores[length]);
    std::vector<double> probabilities(kept.size());
    trellis::kernels::softmax(kept, probabilities);
    double left = uniform(view, 0, kLengthDraw);
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      left -= probabilities[i];
      if (left < 0) return lengths[i];
    }
    return lengths.front();  // sums may end just below one
  }

  void plan_sweep(const trellis_view& view) {
    order_.resize(block_.tokens.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    if (options_.order != "random") return;
    for (std::size_t i = 0; i + 1 < order_.size(); ++i) {
      const auto left = static_cast<double>(order_.size() - i);
      const auto step = static_cast<std::size_t>(uniform(view, drawn_ + i, kOrderDraw) * left);
      std::swap(order_[i], order_[i + step]);
    }
  }

  const Options& options_;
  Block block_{{}};
  std::vector<std::size_t> order_;  // of the places in this sweep
  std::uint64_t drawn_ = 0;         // places, over all sweeps
  trellis::strategies::Choices choices_;
};

class Gibbs {
 public:
  static sdk::Json description() {
    return {
        {"id", "gibbs"},
        {"kind", "strategy"},
        {"version", "1.0.0"},
        {"summary", "Draws one masked place after another again, given all others."},
        {"formula", "y_i ~ p(y_i | all y_j, j other than i), for each place i, sweep after sweep"},
        {"reference", "Wang, Cho 2019, arXiv:1902.04094; Geman, Geman 1984"},
        {"needs", {"masked_prediction"}},
        {"stochastic", true},
        {"primary", "sweeps"},
        {"settings", schema.description()}};
  }

  explicit Gibbs(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<GibbsSearch>(options_);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<Gibbs>());

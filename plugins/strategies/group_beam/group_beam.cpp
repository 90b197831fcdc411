/// Diverse beam search: groups of beams, each kept from the tokens that earlier groups chose.
#include <vector>

#include "plugins/strategies/beams.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;
using trellis::strategies::BeamOptions;
using trellis::strategies::Beams;

struct Options {
  std::int64_t num_beams = 4;
  std::int64_t num_beam_groups = 2;
  double diversity_penalty = 0.5;
  double length_penalty = 1.0;
  std::string early_stopping = "heuristic";
};

const auto schema =
    sdk::Settings<Options>()
        .integer("num_beams", &Options::num_beams, {.at_least = 1, .at_most = 1000},
                 "How many hypotheses all groups keep together; a multiple of num_beam_groups.")
        .integer("num_beam_groups", &Options::num_beam_groups, {.at_least = 1, .at_most = 1000},
                 "How many groups there are; 1 is beam search.")
        .divides("num_beams")
        .number("diversity_penalty", &Options::diversity_penalty, {.at_least = 0, .at_most = 100},
                "Taken off a token's log-probability for every beam of an earlier group that chose "
                "it at this step.")
        .number("length_penalty", &Options::length_penalty, {.at_least = -10, .at_most = 10},
                "The sum of log-probabilities is divided by length to this power; above 0 longer "
                "outputs gain.")
        .choice("early_stopping", &Options::early_stopping, {"heuristic", "first", "never"},
                "When all beams of a group are finished: stop if none of today's length can beat "
                "them, stop at once, or stop only if none of any length can.");

class GroupBeamSearch final : public sdk::Search {
 public:
  explicit GroupBeamSearch(const Options& options) : penalty_(options.diversity_penalty) {
    const auto groups = static_cast<std::size_t>(options.num_beam_groups);
    const BeamOptions one = {options.num_beams / options.num_beam_groups, options.length_penalty,
                             options.early_stopping, true};
    groups_.assign(groups, Beams(one));
    members_.assign(groups, {0});  // all begin with the prompt
  }

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    taken_.clear();
    std::size_t moves = 0;
    for (std::size_t group = 0; group < groups_.size(); ++group) {
      auto& members = members_[group];
      if (groups_[group].over()) continue;
      const auto running = groups_[group].advance(view, members, taken_, answer);
      members.clear();
      for (const auto& candidate : running) {
        if (!groups_[group].over()) members.push_back(moves++);
        if (taken_.empty()) taken_.resize(view.vocab_size);
        taken_[static_cast<std::size_t>(candidate.token)] += static_cast<float>(penalty_);
      }
    }
  }

 private:
  double penalty_;
  std::vector<Beams> groups_;
  std::vector<std::vector<std::size_t>> members_;  // of each group, in the view
  std::vector<float> taken_;                       // off each token, in this round
};

class GroupBeam {
 public:
  static sdk::Json description() {
    return {
        {"id", "group_beam"},
        {"kind", "strategy"},
        {"version", "1.0.0"},
        {"summary", "Beam search in groups that are kept from each other's tokens."},
        {"formula",
         "group g scores log p(v) - diversity_penalty * (beams of groups before g that chose v)"},
        {"reference", "Vijayakumar et al. 2016, arXiv:1610.02424"},
        {"processors_see", "log_probabilities"},
        {"stochastic", false},
        {"width", "num_beams"},
        {"primary", "num_beams"},
        {"settings", schema.description()}};
  }

  explicit GroupBeam(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<GroupBeamSearch>(options_);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<GroupBeam>());

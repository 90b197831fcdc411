/// Stochastic beam search: sequences sampled without replacement, by perturbed log-probabilities.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

struct Options {
  std::int64_t k = 4;
  double length_penalty = 0.0;
};

const auto schema =
    sdk::Settings<Options>()
        .integer("k", &Options::k, {.at_least = 1, .at_most = 1000},
                 "How many different sequences are sampled.")
        .number(
            "length_penalty", &Options::length_penalty, {.at_least = -10, .at_most = 10},
            "Of the k the answer is the one with the greatest sum of log-probabilities, divided "
            "by length to this power.");

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

// log(1 - exp(x)) for x <= 0.
double log_one_minus_exp(double x) {
  return x > -0.6931471805599453 ? std::log(-std::expm1(x)) : std::log1p(-std::exp(x));
}

// A sequence, or a beginning of some, in the set of k.
struct Member {
  double log_probability = 0;
  double perturbed = 0;
  std::size_t parent = 0;  // hypothesis in the view
  std::int32_t token = -1;
  std::optional<std::uint64_t> finish;  // its number, once it has ended
};

class StochasticBeamSearch final : public sdk::Search {
 public:
  explicit StochasticBeamSearch(const Options& options) : options_(options) {
    members_.push_back({});  // the prompt
  }

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    std::vector<Member> candidates;
    std::size_t hypothesis = 0;
    for (auto& member : members_) {
      if (!member.finish) {
        const std::size_t place = hypothesis++;
        if (view.hypotheses[place].stopped == 0) {
          add_children(view, place, member, candidates);
          continue;
        }
        finish(view, place, {}, member, TRELLIS_FINISH_STOP, answer);
      }
      candidates.push_back(member);
    }
    keep_best(candidates, answer);
    for (auto& member : members_) {
      if (member.finish) continue;
      const bool end = sdk::is_eos(view, member.token);
      if (end || view.last_round != 0) {
        finish(view, member.parent, {&member.token, 1}, member,
               end ? TRELLIS_FINISH_EOS : TRELLIS_FINISH_LENGTH, answer);
      } else {
        answer.move(view, member.parent, {&member.token, 1}, member.log_probability);
      }
    }
  }

 private:
  // Children share their parent's perturbed value as their greatest one: Gumbel noise conditioned
  // on its maximum (the paper's appendix B.3).
  void add_children(const trellis_view& view, std::size_t parent, const Member& member,
                    std::vector<Member>& candidates) {
    const auto scores = sdk::last_scores(view, parent);
    const double log_sum_exp = trellis::kernels::log_sum_exp(scores);
    noise_.resize(scores.size());
    // Positions that no sequence reaches: every hypothesis draws on its own, the first as `sample`.
    const std::uint64_t position =
        view.hypotheses[parent].token_count + (static_cast<std::uint64_t>(parent) << 32U);
    view.noise->gumbel(view.noise->context, position, noise_.data(), noise_.size());
    std::vector<Member> children;
    double greatest = kImpossible;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double log_p = static_cast<double>(scores[i]) - log_sum_exp;
      if (log_p == kImpossible) continue;
      Member child;
      child.log_probability = member.log_probability + log_p;
      child.perturbed = child.log_probability + static_cast<double>(noise_[i]);
      child.parent = parent;
      child.token = static_cast<std::int32_t>(i);
      greatest = std::max(greatest, child.perturbed);
      children.push_back(child);
    }
    for (auto& child : children) {
      const double v =
          member.perturbed - child.perturbed + log_one_minus_exp(child.perturbed - greatest);
      child.perturbed = member.perturbed - std::max(0.0, v) - std::log1p(std::exp(-std::abs(v)));
    }
    const auto kept = std::min(children.size(), static_cast<std::size_t>(options_.k));
    std::partial_sort(children.begin(), children.begin() + static_cast<std::ptrdiff_t>(kept),
                      children.end(), by_perturbed);
    candidates.insert(candidates.end(), children.begin(),
                      children.begin() + static_cast<std::ptrdiff_t>(kept));
  }

  static bool by_perturbed(const Member& a, const Member& b) { return a.perturbed > b.perturbed; }

  // What had ended and is now pushed out of the set is no sample any more.
  void keep_best(std::vector<Member>& candidates, sdk::Answer& answer) {
    std::stable_sort(candidates.begin(), candidates.end(), by_perturbed);
    const auto kept = std::min(candidates.size(), static_cast<std::size_t>(options_.k));
    for (std::size_t i = kept; i < candidates.size(); ++i) {
      if (candidates[i].finish) answer.rescore(*candidates[i].finish, kImpossible);
    }
    candidates.resize(kept);
    members_ = std::move(candidates);
  }

  void finish(const trellis_view& view, std::size_t parent, std::span<const std::int32_t> last,
              Member& member, trellis_finish_reason reason, sdk::Answer& answer) {
    const auto length = static_cast<double>(view.hypotheses[parent].token_count + last.size());
    answer.finish(view, parent, last,
                  member.log_probability / std::pow(length, options_.length_penalty), reason);
    member.finish = finished_++;
  }

  const Options& options_;
  std::vector<Member> members_;  // those that go on in the order of the view's hypotheses
  std::uint64_t finished_ = 0;
  std::vector<float> noise_;
};

class StochasticBeam {
 public:
  static sdk::Json description() {
    return {
        {"id", "stochastic_beam"},
        {"kind", "strategy"},
        {"version", "1.0.0"},
        {"summary", "Samples k different sequences and answers with the most probable of them."},
        {"formula",
         "the k sequences with the greatest log p(y) + Gumbel noise: k draws without replacement"},
        {"reference", "Kool, van Hoof, Welling 2019, arXiv:1903.06059"},
        {"stochastic", true},
        {"width", "k"},
        {"primary", "k"},
        {"settings", schema.description()}};
  }

  explicit StochasticBeam(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<StochasticBeamSearch>(options_);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<StochasticBeam>());

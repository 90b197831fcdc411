/// Speculative decoding: a small model drafts tokens, the model verifies them in one pass.
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;
namespace kernels = trellis::kernels;

enum class Verification { rejection, coupled, greedy };

struct Options {
  std::string draft;
  std::int64_t num_tokens = 4;
  std::string verification = "rejection";
};

const auto schema =
    sdk::Settings<Options>()
        .string("draft", &Options::draft,
                "The smaller model, of the same vocabulary: a path, or the label or id of a model.")
        .required()
        .integer("num_tokens", &Options::num_tokens, {.at_least = 1, .at_most = 100},
                 "How many tokens are drafted before the model verifies them.")
        .choice("verification", &Options::verification, {"rejection", "coupled", "greedy"},
                "rejection draws like sample, coupled draws its very tokens, greedy like greedy.");

Verification verification_of(const std::string& name) {
  if (name == "coupled") return Verification::coupled;
  return name == "greedy" ? Verification::greedy : Verification::rejection;
}

// Of `uniform`: whether a proposal is kept, and what stands in its place.
constexpr std::uint32_t kAcceptDraw = 0;
constexpr std::uint32_t kResidualDraw = 1;

double uniform(const trellis_view& view, std::uint64_t position, std::uint32_t draw) {
  return view.noise->uniform(view.noise->context, position, draw);
}

std::int32_t best_of(std::span<const float> scores) {
  return static_cast<std::int32_t>(kernels::argmax(scores));
}

// The index that `place`, in [0, 1), falls on when the weights lie side by side; nothing without
// any weight. Sums may end just below their total: then the last one that has any.
std::optional<std::int32_t> index_at(double place, std::span<const double> weights) {
  double total = 0;
  for (const double weight : weights) total += weight;
  if (total <= 0) return std::nullopt;
  double left = place * total;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = i;
    left -= weights[i];
    if (left < 0) break;
  }
  return static_cast<std::int32_t>(last);
}

// A token of the draft's, and the distribution it was drawn from where that is needed.
struct Proposal {
  std::int32_t token = 0;
  std::vector<double> probabilities = {};
};

class SpeculativeSearch final : public sdk::Search {
 public:
  SpeculativeSearch(Verification verification, std::size_t num_tokens)
      : verification_(verification), num_tokens_(num_tokens) {}

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    if (drafting_) {
      propose(view, answer);
    } else {
      verify(view, answer);
    }
  }

 private:
  // The view shows what the draft expects after all that it has read.
  void propose(const trellis_view& view, sdk::Answer& answer) {
    const auto& shown = view.hypotheses[0];
    if (shown.stopped != 0) {
      drafting_ = false;
      if (proposals_.empty()) {
        answer.finish(view, 0, {}, 0, TRELLIS_FINISH_STOP);
      } else {
        answer.move(view, 0, {}, 0);
      }
      return;
    }
    auto& proposal = proposals_.emplace_back();
    const auto scores = sdk::last_scores(view, 0);
    proposal.token = verification_ == Verification::greedy
                         ? best_of(scores)
                         : sdk::draw_token(*view.noise, shown.token_count, scores);
    if (verification_ == Verification::rejection) {
      proposal.probabilities.resize(scores.size());
      kernels::softmax(scores, proposal.probabilities);
    }
    const std::span<const std::int32_t> token(&proposal.token, 1);
    if (sdk::is_eos(view, proposal.token)) {
      drafting_ = false;
      answer.move(view, 0, {}, 0);  // nobody reads an end symbol
    } else if (proposals_.size() == wanted_) {
      drafting_ = false;
      answer.move(view, 0, token, 0);
    } else {
      answer.draft(view, 0, token, 0);
    }
  }

  // The view shows what the model expects after a certain token and after each proposal it read.
  void verify(const trellis_view& view, sdk::Answer& answer) {
    const auto& shown = view.hypotheses[0];
    const std::size_t read = shown.row_count - 1;
    const std::size_t certain = shown.token_count - read;  // the place of the first proposal
    std::optional<std::int32_t> other;                     // than was proposed
    std::size_t row = 0;
    for (; row < proposals_.size(); ++row) {
      if (row == read && shown.stopped != 0) break;  // what follows a stop string is not there
      other = replacement(view, row, certain + row, proposals_[row]);
      if (other) break;
      if (sdk::is_eos(view, proposals_[row].token)) {
        answer.finish_from(0, row, {&proposals_[row].token, 1}, 0, TRELLIS_FINISH_EOS);
        return;
      }
    }
    proposals_.clear();
    if (shown.stopped != 0 && row == read) {
      answer.finish(view, 0, {}, 0, TRELLIS_FINISH_STOP);
      return;
    }
    begin_block(view, answer, row, other ? *other : choose(view, row, certain + row));
  }

  // `next` is certain, and follows `row`.
  void begin_block(const trellis_view& view, sdk::Answer& answer, std::size_t row,
                   std::int32_t next) {
    const std::span<const std::int32_t> token(&next, 1);
    if (sdk::is_eos(view, next)) {
      answer.finish_from(0, row, token, 0, TRELLIS_FINISH_EOS);
      return;
    }
    const auto& shown = view.hypotheses[0];
    const std::size_t rejected = shown.row_count - 1 - row;
    // What is not verified may not fill the length, or the host would finish with it.
    const std::size_t room = view.max_new_tokens - (shown.token_count - rejected);
    wanted_ = std::min({num_tokens_, room - std::min<std::size_t>(room, 2),
                        view.draft_room == 0 ? 0 : view.draft_room + rejected});
    drafting_ = wanted_ > 0;
    if (drafting_) {
      answer.draft_from(0, row, token, 0);
    } else {
      answer.move_from(0, row, token, 0);
    }
  }

  static std::span<const float> scores_after(const trellis_view& view, std::size_t row) {
    return {view.hypotheses[0].scores + row * view.vocab_size, view.vocab_size};
  }

  std::int32_t choose(const trellis_view& view, std::size_t row, std::uint64_t position) const {
    const auto scores = scores_after(view, row);
    return verification_ == Verification::greedy ? best_of(scores)
                                                 : sdk::draw_token(*view.noise, position, scores);
  }

  // Nothing where the proposal holds.
  std::optional<std::int32_t> replacement(const trellis_view& view, std::size_t row,
                                          std::uint64_t position, const Proposal& proposal) {
    if (verification_ != Verification::rejection) {
      const auto token = choose(view, row, position);
      return token == proposal.token ? std::nullopt : std::optional(token);
    }
    // p(v) of the model, q(v) of the draft. The proposal was drawn by the Gumbel noise of its
    // place; what is drawn here must not depend on that, so it uses other numbers.
    probabilities_.resize(view.vocab_size);
    kernels::softmax(scores_after(view, row), probabilities_);
    const auto proposed = static_cast<std::size_t>(proposal.token);
    if (uniform(view, position, kAcceptDraw) * proposal.probabilities[proposed] <
        probabilities_[proposed]) {
      return std::nullopt;
    }
    for (std::size_t v = 0; v < probabilities_.size(); ++v) {
      probabilities_[v] = std::max(probabilities_[v] - proposal.probabilities[v], 0.0);
    }
    // Without any rest the two are the same but for rounding, and the proposal is as good.
    return index_at(uniform(view, position, kResidualDraw), probabilities_);
  }

  Verification verification_;
  std::size_t num_tokens_;
  bool drafting_ = false;
  std::size_t wanted_ = 0;  // proposals of this block
  std::vector<Proposal> proposals_;
  std::vector<double> probabilities_;
};

class Speculative {
 public:
  static sdk::Json description() {
    auto settings = schema.description();
    settings[0]["format"] = "model";
    return {{"id", "speculative"},
            {"kind", "strategy"},
            {"version", "1.0.0"},
            {"summary", "Samples or searches greedily in fewer rounds: a small model drafts."},
            {"formula",
             "x ~ q is kept with probability min(1, p(x) / q(x)), else y ~ max(0, p - q): y ~ p"},
            {"reference",
             "Leviathan, Kalman, Matias 2023, arXiv:2211.17192; coupled: Daliri, Musco, Suresh "
             "2024, arXiv:2408.07978"},
            {"needs", {"draft"}},
            {"stochastic", true},
            {"primary", "num_tokens"},
            {"settings", std::move(settings)}};
  }

  explicit Speculative(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<SpeculativeSearch>(verification_of(options_.verification),
                                               static_cast<std::size_t>(options_.num_tokens));
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<Speculative>());

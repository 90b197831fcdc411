/// Prompt look-up: greedy search that drafts what followed the same words before.
#include <algorithm>
#include <optional>
#include <vector>

#include "core/kernels/selection.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;

using Tokens = std::vector<std::int32_t>;

struct Options {
  std::int64_t num_tokens = 8;
  std::int64_t max_ngram = 3;
};

const auto schema =
    sdk::Settings<Options>()
        .integer("num_tokens", &Options::num_tokens, {.at_least = 1, .at_most = 1000},
                 "How many tokens are drafted at most.")
        .integer("max_ngram", &Options::max_ngram, {.at_least = 1, .at_most = 100},
                 "Longest sequence of last tokens that is looked up; shorter ones follow.");

// Tokens after the last earlier place of the longest ending that occurs twice in `text`.
Tokens draft_of(const Tokens& text, std::size_t max_ngram, std::size_t count) {
  for (std::size_t n = std::min(max_ngram, text.size() - 1); n > 0; --n) {
    const auto ending = text.end() - static_cast<std::ptrdiff_t>(n);
    // An end before the last token, so that at least one token follows.
    const auto found = std::find_end(text.begin(), text.end() - 1, ending, text.end());
    if (found == text.end() - 1) continue;
    const auto first = found + static_cast<std::ptrdiff_t>(n);
    const auto size =
        std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(count), text.end() - first);
    return {first, first + size};
  }
  return {};
}

class PromptLookupSearch final : public sdk::Search {
 public:
  explicit PromptLookupSearch(const Options& options) : options_(options) {}

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    const auto& shown = view.hypotheses[0];
    const std::span<const std::int32_t> generated(shown.tokens, shown.token_count);
    // Row r follows the r-th token of the last move, whose first token is certain.
    const auto block = generated.last(std::min(shown.row_count, shown.token_count));
    std::size_t row = 0;
    while (row + 1 < block.size() && block[row + 1] == best_after(view, row)) ++row;
    const std::size_t rejected = shown.row_count - 1 - row;
    if (shown.stopped != 0 && rejected == 0) {
      answer.finish(view, 0, {}, 0, TRELLIS_FINISH_STOP);
      return;
    }
    const std::int32_t next = best_after(view, row);
    if (sdk::is_eos(view, next)) {
      answer.finish_from(0, row, {&next, 1}, 0, TRELLIS_FINISH_EOS);
      return;
    }
    Tokens text(view.prompt, view.prompt + view.prompt_count);
    text.insert(text.end(), generated.begin(),
                generated.end() - static_cast<std::ptrdiff_t>(rejected));
    text.push_back(next);
    Tokens tokens = {next};
    // What is not verified may not fill the length, or the host would finish with it.
    const std::size_t room = view.max_new_tokens - (generated.size() - rejected);
    if (room > 2) {
      auto draft = draft_of(text, static_cast<std::size_t>(options_.max_ngram),
                            std::min(static_cast<std::size_t>(options_.num_tokens), room - 2));
      // An end symbol is never drafted: it is only ever the certain token.
      const auto end = std::find_if(draft.begin(), draft.end(),
                                    [&](std::int32_t token) { return sdk::is_eos(view, token); });
      tokens.insert(tokens.end(), draft.begin(), end);
    }
    answer.move_from(0, row, tokens, 0);
  }

 private:
  static std::int32_t best_after(const trellis_view& view, std::size_t row) {
    return static_cast<std::int32_t>(trellis::kernels::argmax(
        {view.hypotheses[0].scores + row * view.vocab_size, view.vocab_size}));
  }

  const Options& options_;
};

class PromptLookup {
 public:
  static sdk::Json description() {
    return {
        {"id", "prompt_lookup"},
        {"kind", "strategy"},
        {"version", "1.0.0"},
        {"summary", "Greedy search in fewer rounds: drafts what followed the same words before."},
        {"formula", "y_t = argmax s(v), several t a round where the draft was right"},
        {"reference", "Saxena 2023 (prompt-lookup-decoding)"},
        {"stochastic", false},
        {"primary", "num_tokens"},
        {"settings", schema.description()}};
  }

  explicit PromptLookup(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<PromptLookupSearch>(options_);
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<PromptLookup>());

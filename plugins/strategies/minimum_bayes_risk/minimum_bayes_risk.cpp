/// Minimum Bayes risk: of several samples the one that is most like all of them.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/metrics/answers.hpp"
#include "core/metrics/bleu.hpp"
#include "core/metrics/chrf.hpp"
#include "core/metrics/edit_similarity.hpp"
#include "core/metrics/rouge.hpp"
#include "plugins/strategies/samples.hpp"
#include "trellis/sdk/strategy.hpp"

namespace {

namespace sdk = trellis::sdk;
namespace metrics = trellis::metrics;

using References = std::span<const std::string>;
using Utility = std::function<double(const std::string& output, References references)>;

struct Options {
  std::int64_t n = 16;
  std::string utility = "chrf";
};

const auto schema = sdk::Settings<Options>()
                        .integer("n", &Options::n, {.at_least = 1, .at_most = 1000},
                                 "How many samples are drawn; each is compared with each.")
                        .choice("utility", &Options::utility,
                                {"chrf", "bleu", "rouge_1", "rouge_l", "edit_similarity",
                                 "token_f1", "exact_match"},
                                "How the likeness of two outputs is measured.");

// Undefined for empty outputs: then nothing is alike.
double value_of(const metrics::SampleValue& value) {
  return value.value.value_or(0);
}

const std::map<std::string, Utility>& utilities() {
  static const std::map<std::string, Utility> all = {
      {"chrf", [](const std::string& output,
                  References references) { return value_of(metrics::chrf(output, references)); }},
      {"bleu", [](const std::string& output,
                  References references) { return value_of(metrics::bleu(output, references)); }},
      {"rouge_1",
       [](const std::string& output, References references) {
         return metrics::rouge(output, references, false).rouge_1.f_measure;
       }},
      {"rouge_l",
       [](const std::string& output, References references) {
         return metrics::rouge(output, references, false).rouge_l.f_measure;
       }},
      {"edit_similarity",
       [](const std::string& output, References references) {
         return metrics::edit_similarity(output, references);
       }},
      {"token_f1",
       [](const std::string& output, References references) {
         return metrics::token_f1(output, references, metrics::AnswerForm::normalized);
       }},
      {"exact_match", [](const std::string& output, References references) {
         return metrics::exact_match(output, references, metrics::AnswerForm::normalized);
       }}};
  return all;
}

class MinimumBayesRiskSearch final : public sdk::Search {
 public:
  MinimumBayesRiskSearch(const Options& options, const Utility& utility)
      : samples_(static_cast<std::size_t>(options.n)), utility_(utility) {}

  void advance(const trellis_view& view, sdk::Answer& answer) override {
    samples_.advance(view, answer, [](const auto&) { return 0.0; });
    if (samples_.over()) judge(view, answer);
  }

 private:
  // Samples that say the same are judged once and count as often as they came.
  void judge(const trellis_view& view, sdk::Answer& answer) const {
    std::map<std::string, std::vector<std::size_t>> by_text;
    for (std::size_t i = 0; i < samples_.ended().size(); ++i) {
      by_text[sdk::text_of(view, samples_.ended()[i].tokens)].push_back(i);
    }
    const auto count = static_cast<double>(samples_.ended().size());
    for (const auto& [text, numbers] : by_text) {
      double sum = 0;
      for (const auto& [other, others] : by_text) {
        sum += static_cast<double>(others.size()) * utility_(text, {&other, 1});
      }
      for (const auto number : numbers) answer.rescore(number, sum / count);
    }
  }

  trellis::strategies::ParallelSamples samples_;
  const Utility& utility_;
};

class MinimumBayesRisk {
 public:
  static sdk::Json description() {
    return {{"id", "minimum_bayes_risk"},
            {"kind", "strategy"},
            {"version", "1.0.0"},
            {"summary", "Draws n samples and answers with the one that is most like all of them."},
            {"formula", "argmax over n samples y of (1/n) sum over samples z of utility(y, z)"},
            {"reference", "Eikema, Aziz 2020, arXiv:2005.10283; Kumar, Byrne 2004"},
            {"stochastic", true},
            {"width", "n"},
            {"primary", "n"},
            {"settings", schema.description()}};
  }

  explicit MinimumBayesRisk(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::unique_ptr<sdk::Search> open_search() const {
    return std::make_unique<MinimumBayesRiskSearch>(options_, utilities().at(options_.utility));
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::strategy_factory<MinimumBayesRisk>());

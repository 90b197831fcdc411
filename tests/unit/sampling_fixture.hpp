/// Drawing many samples of one known law and comparing their counts with the exact distribution.
#pragma once

#include "tests/unit/decode_fixture.hpp"

namespace trellis::tests {

inline const std::map<std::string, double> kLaw = {
    {"a", 0.30}, {"b", 0.22}, {"c", 0.16}, {"d", 0.12}, {"e", 0.09}, {"f", 0.06}, {"g", 0.05}};

/// One letter of kLaw, whatever came before; never an end.
inline TableSettings one_law() {
  TableSettings settings;
  settings.texts = letters(7);
  settings.logits = [texts = settings.texts](const Tokens&, std::span<const std::int32_t>) {
    return log_of(texts, kLaw);
  };
  return settings;
}

inline decode::Arm sampling(std::vector<std::pair<std::string, json>> processors) {
  auto chosen = arm(strategy("sample"));
  for (const auto& [id, given] : processors) chosen.processors.push_back(processor(id, given));
  return chosen;
}

/// Samples of one prompt, in order.
inline std::vector<std::string> draw(const decode::Arm& chosen, std::uint32_t samples,
                                     std::size_t length, std::uint64_t seed = 1,
                                     std::uint64_t example = 0) {
  Table table(one_law());
  RunOptions options;
  options.samples = samples;
  options.seed = seed;
  const auto outcome = run(table.model, chosen, {prompt_of(example, "", length)}, options);
  EXPECT_EQ(table.counts->live, 0U);
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < samples; ++i) texts.push_back(outcome.text(0, i));
  return texts;
}

inline double chi_square(const std::vector<std::string>& drawn,
                         const std::map<std::string, double>& weights) {
  double total = 0;
  for (const auto& [text, weight] : weights) total += weight;
  std::map<std::string, double> counts;
  for (const auto& text : drawn) ++counts[text];
  double sum = 0;
  for (const auto& [text, weight] : weights) {
    const double expected = weight / total * static_cast<double>(drawn.size());
    sum += (counts[text] - expected) * (counts[text] - expected) / expected;
    counts.erase(text);
  }
  EXPECT_TRUE(counts.empty()) << "drew " << counts.begin()->first << ", which has no probability";
  return sum;
}

}  // namespace trellis::tests

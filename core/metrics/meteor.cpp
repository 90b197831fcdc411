#include "core/metrics/meteor.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "core/metrics/bleu_tokenizer.hpp"
#include "core/metrics/porter_stemmer.hpp"
#include "core/metrics/wordnet.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

constexpr std::size_t kBeam = 40;

using Words = std::span<const std::string>;
/// By word of the output: its word of the reference.
using Alignment = std::vector<std::optional<std::size_t>>;

struct Partial {
  Alignment pairs;
  std::vector<bool> taken;  // by word of the reference
  std::size_t count = 0;    // of pairs
  std::size_t crossings = 0;
};

std::size_t crossings_with(const Alignment& pairs, std::size_t word, std::size_t other) {
  std::size_t crossings = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i] && i != word && (i < word) != (*pairs[i] < other)) ++crossings;
  }
  return crossings;
}

// A partial alignment and what the next word of the output is paired with, if anything.
struct Step {
  std::size_t parent = 0;  // into the beam
  std::optional<std::size_t> pair;
  std::size_t count = 0;
  std::size_t crossings = 0;
};

/// All ways to go on from `beam` with word `i` of the output, the best first.
std::vector<Step> steps_from(const std::vector<Partial>& beam, std::size_t i,
                             const std::vector<std::size_t>& candidates) {
  std::vector<Step> steps;
  for (std::size_t parent = 0; parent < beam.size(); ++parent) {
    const auto& partial = beam[parent];
    for (const auto j : candidates) {
      if (partial.taken[j]) continue;
      steps.push_back(
          {parent, j, partial.count + 1, partial.crossings + crossings_with(partial.pairs, i, j)});
    }
    steps.push_back({parent, std::nullopt, partial.count, partial.crossings});
  }
  std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) {
    return a.count != b.count ? a.count > b.count : a.crossings < b.crossings;
  });
  return steps;
}

/// Adds one stage's pairs. `matches`: whether words i of the output and j of the reference do.
void add_stage(Partial& begun, const std::function<bool(std::size_t, std::size_t)>& matches) {
  std::vector<Partial> beam(1, begun);
  for (std::size_t i = 0; i < begun.pairs.size(); ++i) {
    if (begun.pairs[i]) continue;  // of an earlier stage
    std::vector<std::size_t> candidates;
    for (std::size_t j = 0; j < begun.taken.size(); ++j) {
      if (!begun.taken[j] && matches(i, j)) candidates.push_back(j);
    }
    if (candidates.empty()) continue;
    const auto steps = steps_from(beam, i, candidates);
    std::vector<Partial> next;
    for (const auto& step : std::span(steps).first(std::min(kBeam, steps.size()))) {
      auto& partial = next.emplace_back(beam[step.parent]);
      if (step.pair) {
        partial.pairs[i] = step.pair;
        partial.taken[*step.pair] = true;
      }
      partial.count = step.count;
      partial.crossings = step.crossings;
    }
    beam = std::move(next);
  }
  begun = std::move(beam.front());
}

/// Words that are not plain letters have no stem but themselves.
std::vector<std::string> stems_of(Words words) {
  std::vector<std::string> stems;
  for (const auto& word : words) {
    const bool plain =
        std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    stems.push_back(plain ? porter_stem(word) : word);
  }
  return stems;
}

std::size_t chunks_of(const Alignment& pairs) {
  std::size_t chunks = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (!pairs[i]) continue;
    const bool goes_on = i > 0 && pairs[i - 1] && *pairs[i - 1] + 1 == *pairs[i];
    if (!goes_on) ++chunks;
  }
  return chunks;
}

std::vector<double> statistics_of(Words output, Words reference, const Synonymous& synonymous) {
  Partial aligned{Alignment(output.size()), std::vector<bool>(reference.size())};
  add_stage(aligned, [&](std::size_t i, std::size_t j) { return output[i] == reference[j]; });
  const auto output_stems = stems_of(output);
  const auto reference_stems = stems_of(reference);
  add_stage(aligned,
            [&](std::size_t i, std::size_t j) { return output_stems[i] == reference_stems[j]; });
  add_stage(aligned,
            [&](std::size_t i, std::size_t j) { return synonymous(output[i], reference[j]); });
  return {static_cast<double>(aligned.count), static_cast<double>(output.size()),
          static_cast<double>(reference.size()), static_cast<double>(chunks_of(aligned.pairs))};
}

std::vector<std::string> words_of(std::string_view text) {
  return bleu_tokens(text::to_lower(text), BleuTokenizer::mteval_13a);
}

}  // namespace

double meteor_of_sums(std::span<const double> sums) {
  const double pairs = sums[0];
  if (pairs == 0) return 0;
  const double precision = pairs / sums[1];
  const double recall = pairs / sums[2];
  const double f = 10 * precision * recall / (recall + 9 * precision);
  return f * (1 - 0.5 * std::pow(sums[3] / pairs, 3));
}

SampleValue meteor(Words output, std::span<const std::vector<std::string>> references,
                   const Synonymous& synonymous) {
  SampleValue best;
  for (const auto& reference : references) {
    auto statistics = statistics_of(output, reference, synonymous);
    const double value = meteor_of_sums(statistics);
    if (best.value && value <= *best.value) continue;
    best = {value, std::move(statistics)};
  }
  return best;
}

SampleValue meteor(std::string_view output, std::span<const std::string> references) {
  const auto& wordnet = installed_wordnet();
  std::unordered_map<std::string, std::vector<std::uint32_t>> synsets;
  const auto synsets_of = [&](const std::string& word) -> const std::vector<std::uint32_t>& {
    const auto [found, fresh] = synsets.try_emplace(word);
    if (fresh) found->second = wordnet.synsets(word);
    return found->second;
  };
  std::vector<std::vector<std::string>> all;
  for (const auto& reference : references) all.push_back(words_of(reference));
  return meteor(words_of(output), all, [&](const std::string& a, const std::string& b) {
    return share_a_synset(synsets_of(a), synsets_of(b));
  });
}

}  // namespace trellis::metrics

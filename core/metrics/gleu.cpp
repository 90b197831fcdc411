#include "core/metrics/gleu.hpp"

#include <algorithm>
#include <cmath>

#include "core/metrics/ngrams.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

constexpr std::size_t kOrders = 4;
constexpr std::size_t kWidth = 2 + 2 * kOrders;

/// N-grams that the output has in common with the source where the reference has none of them.
std::size_t faults(const NgramCounts& output, const NgramCounts& source,
                   const NgramCounts& reference) {
  std::size_t kept = 0;
  for (const auto& [ngram, count] : output) {
    const auto found = source.find(ngram);
    if (found != source.end() && !reference.contains(ngram)) kept += std::min(count, found->second);
  }
  return kept;
}

std::vector<double> against_one(std::u32string_view source, std::u32string_view output,
                                std::u32string_view reference) {
  std::vector<double> statistics{static_cast<double>(output.size()),
                                 static_cast<double>(reference.size())};
  for (std::size_t n = 1; n <= kOrders; ++n) {
    const auto of_output = count_ngrams(output, n);
    const auto of_reference = count_ngrams(reference, n);
    const auto matches = common_ngrams(of_output, of_reference);
    const auto wrong = faults(of_output, count_ngrams(source, n), of_reference);
    statistics.push_back(static_cast<double>(matches > wrong ? matches - wrong : 0));
    statistics.push_back(static_cast<double>(ngram_total(output.size(), n)));
  }
  return statistics;
}

std::vector<std::vector<double>> against_each(std::string_view source, std::string_view output,
                                              std::span<const std::string> references) {
  TokenNumbers numbers;
  const auto source_words = numbers.of(text::split_white_space(source));
  const auto output_words = numbers.of(text::split_white_space(output));
  std::vector<std::vector<double>> all;
  for (const auto& reference : references) {
    all.push_back(
        against_one(source_words, output_words, numbers.of(text::split_white_space(reference))));
  }
  return all;
}

std::vector<double> mean_of(const std::vector<std::vector<double>>& all) {
  std::vector<double> mean(kWidth, 0.0);
  for (const auto& statistics : all) {
    for (std::size_t i = 0; i < kWidth; ++i) {
      mean[i] += statistics[i] / static_cast<double>(all.size());
    }
  }
  return mean;
}

}  // namespace

std::vector<double> gleu_statistics(std::string_view source, std::string_view output,
                                    std::span<const std::string> references) {
  return mean_of(against_each(source, output, references));
}

double gleu_of_sums(std::span<const double> sums) {
  if (std::any_of(sums.begin(), sums.end(), [](double sum) { return sum <= 0; })) return 0;
  double logarithms = std::min(0.0, 1 - sums[1] / sums[0]);
  for (std::size_t i = 2; i < kWidth; i += 2)
    logarithms += std::log(sums[i] / sums[i + 1]) / kOrders;
  return 100 * std::exp(logarithms);
}

SampleValue gleu(std::string_view source, std::string_view output,
                 std::span<const std::string> references) {
  if (references.empty()) return {};
  const auto all = against_each(source, output, references);
  SampleValue sample;
  sample.statistics = mean_of(all);
  double sum = 0;
  for (auto statistics : all) {
    for (auto& count : statistics) count = count == 0 ? 1 : count;
    sum += gleu_of_sums(statistics);
  }
  sample.value = sum / static_cast<double>(all.size());
  return sample;
}

}  // namespace trellis::metrics

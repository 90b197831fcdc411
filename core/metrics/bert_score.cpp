#include "core/metrics/bert_score.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace trellis::metrics {
namespace {

constexpr double kLowest = -1;  // of a cosine

double product(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return sum;
}

// The cosine with a vector of nothing but zeros is 0.
std::vector<double> lengths_of(std::span<const float> vectors, std::size_t width) {
  std::vector<double> lengths;
  for (std::size_t at = 0; at < vectors.size(); at += width) {
    const auto vector = vectors.subspan(at, width);
    lengths.push_back(std::sqrt(product(vector, vector)));
  }
  return lengths;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

BertScore bert_score(std::span<const float> output, std::span<const float> reference,
                     std::size_t width) {
  const auto output_lengths = lengths_of(output, width);
  const auto reference_lengths = lengths_of(reference, width);
  if (output_lengths.empty() || reference_lengths.empty()) return {};
  std::vector<double> of_output(output_lengths.size(), kLowest);
  std::vector<double> of_reference(reference_lengths.size(), kLowest);
  for (std::size_t i = 0; i < of_output.size(); ++i) {
    for (std::size_t j = 0; j < of_reference.size(); ++j) {
      const double lengths = output_lengths[i] * reference_lengths[j];
      const double cosine = lengths > 0 ? product(output.subspan(i * width, width),
                                                  reference.subspan(j * width, width)) /
                                              lengths
                                        : 0.0;
      of_output[i] = std::max(of_output[i], cosine);
      of_reference[j] = std::max(of_reference[j], cosine);
    }
  }
  BertScore score{mean(of_output), mean(of_reference), 0};
  const double sum = score.precision + score.recall;
  if (sum != 0) score.f = 2 * score.precision * score.recall / sum;
  return score;
}

}  // namespace trellis::metrics

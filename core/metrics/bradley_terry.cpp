#include "core/metrics/bradley_terry.hpp"

#include <algorithm>
#include <cmath>

namespace trellis::metrics {
namespace {

using Matrix = std::vector<double>;  // [count, count]

/// Whether every place can be reached from the first along wins, or against them.
bool reaches_all(std::size_t count, std::span<const double> wins, bool backwards) {
  std::vector<bool> reached(count, false);
  std::vector<std::size_t> open = {0};
  reached[0] = true;
  while (!open.empty()) {
    const auto from = open.back();
    open.pop_back();
    for (std::size_t to = 0; to < count; ++to) {
      const auto won = backwards ? wins[to * count + from] : wins[from * count + to];
      if (reached[to] || !(won > 0)) continue;
      reached[to] = true;
      open.push_back(to);
    }
  }
  return std::ranges::all_of(reached, [](bool one) { return one; });
}

double log_likelihood(std::size_t count, std::span<const double> wins,
                      std::span<const double> strengths) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      if (i != j) sum -= wins[i * count + j] * std::log1p(std::exp(strengths[j] - strengths[i]));
    }
  }
  return sum;
}

/// The inverse of a symmetric, positive definite matrix, by Gauss and Jordan; no pivots are needed.
Matrix inverse(std::size_t count, Matrix matrix) {
  Matrix result(count * count, 0.0);
  for (std::size_t i = 0; i < count; ++i) result[i * count + i] = 1;
  for (std::size_t pivot = 0; pivot < count; ++pivot) {
    const double scale = 1 / matrix[pivot * count + pivot];
    for (std::size_t k = 0; k < count; ++k) {
      matrix[pivot * count + k] *= scale;
      result[pivot * count + k] *= scale;
    }
    for (std::size_t row = 0; row < count; ++row) {
      if (row == pivot) continue;
      const double factor = matrix[row * count + pivot];
      for (std::size_t k = 0; k < count; ++k) {
        matrix[row * count + k] -= factor * matrix[pivot * count + k];
        result[row * count + k] -= factor * result[pivot * count + k];
      }
    }
  }
  return result;
}

struct Curvature {
  std::vector<double> gradient;  ///< of the log-likelihood
  /// Fisher's information plus one everywhere: that makes it positive definite and changes nothing
  /// in the directions whose sum is zero.
  Matrix information;
};

Curvature curvature_of(std::size_t count, std::span<const double> wins,
                       std::span<const double> strengths) {
  Curvature curvature{std::vector<double>(count, 0.0), Matrix(count * count, 1.0)};
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      if (i == j) continue;
      const double judged = wins[i * count + j] + wins[j * count + i];
      const double expected = 1 / (1 + std::exp(strengths[j] - strengths[i]));
      curvature.gradient[i] += wins[i * count + j] - judged * expected;
      const double weight = judged * expected * (1 - expected);
      curvature.information[i * count + i] += weight;
      curvature.information[i * count + j] -= weight;
    }
  }
  return curvature;
}

}  // namespace

std::optional<std::vector<Strength>> bradley_terry(std::size_t count,
                                                   std::span<const double> wins) {
  if (count < 2 || !reaches_all(count, wins, false) || !reaches_all(count, wins, true)) {
    return std::nullopt;
  }
  // Newton's method; the likelihood is concave, so half steps lead on where a whole one leads too
  // far. Far fewer rounds than these are ever needed.
  constexpr int most_rounds = 200;
  constexpr double close_enough = 1e-12;
  std::vector<double> strengths(count, 0.0);
  double likelihood = log_likelihood(count, wins, strengths);
  for (int round = 0; round < most_rounds; ++round) {
    const auto curvature = curvature_of(count, wins, strengths);
    const auto inverted = inverse(count, curvature.information);
    std::vector<double> step(count, 0.0);
    double longest = 0;
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < count; ++j) {
        step[i] += inverted[i * count + j] * curvature.gradient[j];
      }
      longest = std::max(longest, std::abs(step[i]));
    }
    if (longest < close_enough) break;
    double length = 1;
    std::vector<double> next(count);
    double reached = 0;
    do {
      for (std::size_t i = 0; i < count; ++i) next[i] = strengths[i] + length * step[i];
      reached = log_likelihood(count, wins, next);
      length /= 2;
    } while (!(reached >= likelihood) && length * longest > close_enough);
    if (!(reached >= likelihood)) break;
    strengths = next;
    likelihood = reached;
  }
  const auto covariance = inverse(count, curvature_of(count, wins, strengths).information);
  double mean = 0;
  for (const double strength : strengths) mean += strength / static_cast<double>(count);
  std::vector<Strength> result;
  for (std::size_t i = 0; i < count; ++i) {
    // What was added to the information adds 1 / count^2 to every entry of its inverse.
    const double variance =
        covariance[i * count + i] - 1 / static_cast<double>(count) / static_cast<double>(count);
    result.push_back({strengths[i] - mean, std::sqrt(std::max(0.0, variance))});
  }
  return result;
}

}  // namespace trellis::metrics

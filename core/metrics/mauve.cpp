#include "core/metrics/mauve.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/metrics/random.hpp"

namespace trellis::metrics {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kScaling = 5;  // c
constexpr double kKeptVariance = 0.9;
constexpr int kMixtures = 25;
constexpr int kStarts = 5;
constexpr int kMostRounds = 500;

// ---- clusters

// A row a text, of length 1; what has no direction stays 0.
MatrixXd unit_rows(std::span<const float> outputs, std::span<const float> references,
                   std::size_t width) {
  const auto columns = static_cast<Index>(width);
  const auto first = static_cast<Index>(outputs.size() / width);
  const auto second = static_cast<Index>(references.size() / width);
  using Floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  MatrixXd rows(first + second, columns);
  rows.topRows(first) = Eigen::Map<const Floats>(outputs.data(), first, columns).cast<double>();
  rows.bottomRows(second) =
      Eigen::Map<const Floats>(references.data(), second, columns).cast<double>();
  for (Index i = 0; i < rows.rows(); ++i) {
    const double length = rows.row(i).norm();
    if (length > 0) rows.row(i) /= length;
  }
  return rows;
}

// The rows in the coordinates of the fewest principal components that hold enough of the variance.
MatrixXd principal_components(const MatrixXd& rows) {
  const MatrixXd centred = rows.rowwise() - rows.colwise().mean();
  const MatrixXd covariance = centred.transpose() * centred;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solved(covariance);
  const VectorXd& variances = solved.eigenvalues();  // increasing
  const double wanted = kKeptVariance * variances.cwiseMax(0).sum();
  Index kept = 0;
  for (double sum = 0; kept < variances.size() && (kept == 0 || sum < wanted); ++kept)
    sum += std::max(0.0, variances[variances.size() - 1 - kept]);
  return centred * solved.eigenvectors().rightCols(kept);
}

struct Clusters {
  MatrixXd centres;
  std::vector<Index> of_row;
  double spread = std::numeric_limits<double>::infinity();  // squared distances, summed
};

// Centres far apart: each is a row, drawn by its squared distance from those before (k-means++,
// Arthur and Vassilvitskii 2007).
MatrixXd first_centres(const MatrixXd& rows, Index count, Random& random) {
  MatrixXd centres(count, rows.cols());
  VectorXd distances = VectorXd::Ones(rows.rows());
  for (Index c = 0; c < count; ++c) {
    double left = random.uniform() * distances.sum();
    Index chosen = 0;
    while (chosen + 1 < rows.rows() && left >= distances[chosen]) left -= distances[chosen++];
    centres.row(c) = rows.row(chosen);
    const VectorXd fresh = (rows.rowwise() - centres.row(c)).rowwise().squaredNorm();
    distances = c == 0 ? fresh : distances.cwiseMin(fresh);
  }
  return centres;
}

// Gives every row to its nearest centre, of equally near ones the first. Returns whether any moved.
bool assign(const MatrixXd& rows, Clusters& clusters) {
  const MatrixXd products = rows * clusters.centres.transpose();
  const VectorXd lengths = clusters.centres.rowwise().squaredNorm();
  bool moved = false;
  clusters.spread = 0;
  for (Index i = 0; i < rows.rows(); ++i) {
    Index nearest = 0;
    const double distance = (lengths.transpose() - 2 * products.row(i)).minCoeff(&nearest);
    clusters.spread += distance + rows.row(i).squaredNorm();
    auto& of_row = clusters.of_row[static_cast<std::size_t>(i)];
    moved = moved || of_row != nearest;
    of_row = nearest;
  }
  return moved;
}

// A centre that lost all its rows stays where it is.
void move_centres(const MatrixXd& rows, Clusters& clusters) {
  MatrixXd sums = MatrixXd::Zero(clusters.centres.rows(), rows.cols());
  VectorXd counts = VectorXd::Zero(clusters.centres.rows());
  for (Index i = 0; i < rows.rows(); ++i) {
    const Index cluster = clusters.of_row[static_cast<std::size_t>(i)];
    sums.row(cluster) += rows.row(i);
    counts[cluster] += 1;
  }
  for (Index c = 0; c < counts.size(); ++c)
    if (counts[c] > 0) clusters.centres.row(c) = sums.row(c) / counts[c];
}

// Lloyd's algorithm; the tightest of several starts.
Clusters cluster(const MatrixXd& rows, Index count, std::uint64_t seed) {
  Random random(seed);
  Clusters best;
  for (int start = 0; start < kStarts; ++start) {
    Clusters clusters;
    clusters.centres = first_centres(rows, count, random);
    clusters.of_row.assign(static_cast<std::size_t>(rows.rows()), -1);
    for (int round = 0; round < kMostRounds && assign(rows, clusters); ++round)
      move_centres(rows, clusters);
    if (clusters.spread < best.spread) best = std::move(clusters);
  }
  return best;
}

std::vector<double> histogram(std::span<const Index> clusters, Index count) {
  std::vector<double> bins(static_cast<std::size_t>(count));
  for (const Index cluster : clusters)
    bins[static_cast<std::size_t>(cluster)] += 1 / static_cast<double>(clusters.size());
  return bins;
}

// ---- the curve

struct Point {
  double x = 0;
  double y = 0;
};

// KL(of | from) of distributions; where `of` has no weight nothing is added.
double divergence(std::span<const double> of, const std::vector<double>& from) {
  double sum = 0;
  for (std::size_t i = 0; i < of.size(); ++i)
    if (of[i] > 0) sum += of[i] * std::log(of[i] / from[i]);
  return sum;
}

}  // namespace

double mauve_of_histograms(std::span<const double> outputs, std::span<const double> references) {
  constexpr double kLeastWeight = 1e-6;
  double area = 0;
  Point before{0, 1};
  const auto go_to = [&](Point next) {
    area += (next.x - before.x) * (next.y + before.y) / 2;
    before = next;
  };
  for (int step = kMixtures - 1; step >= 0; --step) {
    const double weight = kLeastWeight + step * (1 - 2 * kLeastWeight) / (kMixtures - 1);
    std::vector<double> mixture(outputs.size());
    for (std::size_t i = 0; i < mixture.size(); ++i)
      mixture[i] = weight * outputs[i] + (1 - weight) * references[i];
    go_to({std::exp(-kScaling * divergence(references, mixture)),
           std::exp(-kScaling * divergence(outputs, mixture))});
  }
  go_to({1, 0});
  return area;
}

std::optional<double> mauve(std::span<const float> outputs, std::span<const float> references,
                            std::size_t width, std::uint64_t seed) {
  const std::size_t first = outputs.size() / width;
  const std::size_t second = references.size() / width;
  if (first < 2 || second < 2) return std::nullopt;
  const auto tenth = std::lround(static_cast<double>(std::min(first, second)) / 10);
  const auto count = static_cast<Index>(std::max(2L, tenth));
  const MatrixXd rows = principal_components(unit_rows(outputs, references, width));
  const Clusters clusters = cluster(rows, count, seed);
  const std::span<const Index> of_row = clusters.of_row;
  return mauve_of_histograms(histogram(of_row.first(first), count),
                             histogram(of_row.subspan(first), count));
}

}  // namespace trellis::metrics

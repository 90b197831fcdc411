/// How far raters agree beyond chance.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace trellis::metrics {

/// What the difference between two values counts.
enum class RatingScale {
  nominal,  ///< equal or not
  ordinal,  ///< by how many ratings lie between them
  interval  ///< by the square of their difference
};

struct Agreement {
  /// 1: complete; 0: as by chance; below: less than that. Nothing where all values are the same or
  /// none can be paired: agreement beyond chance is undefined then.
  std::optional<double> alpha;
  std::size_t items = 0;   ///< with two values or more: those that count
  std::size_t values = 0;  ///< of these items
};

/// Krippendorff's alpha, one minus observed over expected disagreement (Krippendorff, "Computing
/// Krippendorff's Alpha-Reliability", 2011): for any number of raters and items that some of them
/// left out. `items`: the values that raters gave each item, in any order.
Agreement krippendorff_alpha(std::span<const std::vector<int>> items, RatingScale scale);

}  // namespace trellis::metrics

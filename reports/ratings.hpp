/// What raters said of a task's outputs, as tables: win rates with strengths, mean scores, and how
/// far raters agree. Pure functions; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/metrics/agreement.hpp"
#include "core/metrics/bradley_terry.hpp"
#include "core/metrics/statistics.hpp"
#include "storage/annotations.hpp"

namespace trellis::reports {

/// What was said of one trial; intervals are 95 % bootstraps that draw whole examples.
struct RatedTrial {
  std::string trial;
  std::size_t n = 0;  ///< ratings, or choices that it was part of
  double mean = 0;    ///< of scores; of choices with a win as 1 and a tie as one half: the win rate
  std::optional<metrics::Interval> interval;  ///< of `mean`; nothing below two examples
};

/// How often one was preferred to another; a tie is half a win for both.
struct WinCount {
  double wins = 0;
  std::size_t n = 0;
};

struct PreferenceTable {
  std::vector<RatedTrial>
      trials;                     ///< the strongest first, by win rate where there are no strengths
  std::vector<WinCount> against;  ///< [trials, trials]: of the row against the column
  /// As many as trials, in natural logarithms of odds; nothing where they do not exist.
  std::optional<std::vector<metrics::Strength>> strengths;
  metrics::Agreement agreement;  ///< over first, tie, second as names
  std::size_t raters = 0;
};

struct ScoreTable {
  std::vector<RatedTrial> trials;                                    ///< the highest mean first
  std::vector<std::array<std::size_t, storage::best_score>> counts;  ///< of each score, as trials
  metrics::Agreement agreement;                                      ///< of scores in their order
  std::size_t raters = 0;
};

/// Of the choices by this criterion between two of `trials`; trials nobody judged are left out.
PreferenceTable preference_table(std::span<const storage::Preference> preferences,
                                 std::span<const std::string> trials, const std::string& criterion);

/// Of the ratings by this criterion of one of `trials`; trials nobody rated are left out.
ScoreTable score_table(std::span<const storage::Rating> ratings,
                       std::span<const std::string> trials, const std::string& criterion);

}  // namespace trellis::reports

/// One experiment as tables: per task, model × strategy against metrics, each arm compared with a
/// baseline over the same samples.
///
/// Arms that differ in seed only are one row: their samples are taken together. Arms are compared
/// example by example: where there are several samples of an example, their mean counts.
///
/// `significant` (shown as `*`) means p < 0.05 in a paired test against the baseline (approximate
/// randomization; of pass or fail McNemar's exact test), after Holm's correction (Holm 1979) over
/// all tests shown: every arm, metric and task. So many arms or metrics do not make chance look
/// like a finding; whoever asks for fewer metrics gets sharper tests.
///
/// Where a metric counts tokens (perplexity, length ...) and models have different vocabularies,
/// their numbers stand side by side, but none is called best, and none is tested against a baseline
/// of another vocabulary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/queries.hpp"

namespace trellis::reports {

inline constexpr double kSignificanceLevel = 0.05;

struct CompareOptions {
  std::string experiment;            ///< empty: the one that ran last
  std::vector<std::string> tasks;    ///< labels; empty: all
  std::vector<std::string> metrics;  ///< names, in this order; empty: all, the main one first
  /// "model", "strategy" or "model × strategy" (also with "/" or "x" between them); empty: the
  /// config's first arm.
  std::string baseline;
  std::size_t resamples = 1000;
  std::uint64_t seed = 12345;  ///< of the resampling
  double power = 0.8;          ///< for which `pairs_needed` is told
};

struct MetricColumn {
  std::string name;
  std::string summary;
  std::optional<bool> higher_is_better;  ///< nothing where nobody says
  int decimals = 4;                      ///< shown, after the largest value of the column
};

struct Cell {
  std::optional<double> value;
  std::optional<double> low, high;                        ///< 95 % confidence interval
  std::uint64_t n = 0;                                    ///< samples with this metric
  std::optional<double> difference;                       ///< to the baseline, over the pairs
  std::optional<double> difference_low, difference_high;  ///< 95 % confidence interval
  std::optional<double> p_value;                          ///< of that difference, uncorrected
  std::optional<double> adjusted_p;                       ///< after Holm's correction
  std::string test;                                       ///< "randomization" or "McNemar"
  std::optional<double> effect_size;   ///< the difference in standard deviations of an example's
  std::optional<double> pairs_needed;  ///< for such a difference to be found with `power`
  std::uint64_t pairs = 0;             ///< examples compared
  std::uint64_t only_here = 0;         ///< examples left out: the baseline has no value of them
  std::uint64_t only_baseline = 0;     ///< examples left out: this arm has no value of them
  bool significant = false;
  bool best = false;  ///< of its column; never where no direction is known, all arms are equal,
                      ///< or they do not compare

  /// Half the interval's width, what is shown after "±".
  std::optional<double> half_width() const {
    if (!low || !high) return std::nullopt;
    return (*high - *low) / 2;
  }
};

struct ArmRow {
  std::string model;
  std::string strategy;
  std::string strategy_plugin;
  std::vector<std::string> trials;  ///< ids, one a seed
  std::vector<std::uint64_t> seeds;
  bool baseline = false;
  std::vector<Cell> cells;  ///< as the table's columns
  /// Arms that share a letter do not differ by the first column, as far as tests of all pairs can
  /// tell; empty where that was not tested.
  std::string group;
  std::uint64_t stored_samples = 0;
  std::uint64_t expected_samples = 0;
  std::uint64_t failures = 0;
  bool failed = false;      ///< a trial ended in failure
  bool incomplete = false;  ///< a trial is not done
  storage::TrialTotals totals;
};

struct TaskTable {
  std::string task;
  std::vector<MetricColumn> columns;
  std::vector<ArmRow> rows;  ///< the baseline first, then in the order of the config
};

struct Comparison {
  storage::ExperimentRow experiment;
  std::vector<TaskTable> tables;
  double power = 0.8;
};

/// Throws Error(usage) for an unknown experiment, task, metric or baseline, with what there is.
Comparison compare(storage::Reader& reader, const CompareOptions& options);

/// Counts one more trial, of another seed, to its arm; cells and totals are left to the caller.
void add_trial(ArmRow& row, const storage::TrialRow& trial);

/// "12.34 ± 0.56 *"; an en dash where there is no value.
std::string format_cell(const Cell& cell, int decimals);
std::string format_number(double value, int decimals);
/// Decimals that show four digits of `largest`, at most four.
int decimals_for(double largest);
/// "0.0031", "< 0.0001".
std::string format_p(double p);
/// What was left out of the tests for want of a partner, a line for every arm, metric and task;
/// none when nothing was.
std::vector<std::string> missing_lines(const Comparison& comparison);
/// "failed, 3 of 4 samples, 1 failure" or "incomplete, 3 of 4 samples"; empty when all is well.
std::string format_state(const ArmRow& row);

}  // namespace trellis::reports

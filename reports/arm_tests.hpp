/// Tests between two arms of a table, example by example.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/metrics/statistics.hpp"
#include "reports/comparison.hpp"

namespace trellis::reports {

/// All samples of an arm for one metric, by seed, example and sample index.
using SampleKey = std::tuple<std::uint64_t, std::uint64_t, std::uint32_t>;
using ArmSamples = std::map<SampleKey, metrics::SampleValue>;

/// One pair an example: where an arm has several samples of it, of several seeds perhaps, their
/// mean. So arms of different numbers of samples compare, and many samples of one example are not
/// taken for many examples.
struct PairedExamples {
  std::vector<metrics::SampleValue> baseline;
  std::vector<metrics::SampleValue> candidate;
  std::uint64_t only_baseline = 0;  ///< examples that the other side has no value of
  std::uint64_t only_candidate = 0;
};

PairedExamples pair_examples(const ArmSamples& baseline, const ArmSamples& candidate);

/// How fine a p-value must be, and what is asked of the samples.
struct TestOptions {
  metrics::ResamplingOptions resampling;
  std::size_t family = 1;  ///< tests that are corrected together
  double power = 0.8;
};

/// Fills in what a cell says of its difference to the baseline, all but the correction.
void test_cell(const PairedExamples& pairs, const std::string& metric, const TestOptions& options,
               Cell& cell);

/// Holm's correction (Holm 1979) over all tests that the tables show.
void correct(std::vector<TaskTable>& tables);

/// Letters for the rows of a table by its first column, the best arm first: rows that share a
/// letter were not told apart, by tests of all pairs under Holm's correction. `samples[i]` are
/// those of row i; all rows must compare with each other. Leaves `group` empty where a value is
/// missing.
void group_rows(TaskTable& table, const std::vector<ArmSamples>& samples,
                const TestOptions& options);

}  // namespace trellis::reports

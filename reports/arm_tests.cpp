#include "reports/arm_tests.hpp"

#include <algorithm>
#include <numeric>

#include "core/metrics/hypothesis_tests.hpp"

namespace trellis::reports {
namespace {

/// With so many trials a test, the smallest p-value is below the level after any correction of as
/// many tests.
constexpr std::size_t kTrialsPerTest = 25;
/// A p-value of more trials than this as extreme as the data will not become significant.
constexpr double kFew = 5;

/// The mean of an example's samples, statistics included: what follows from their sums does not
/// depend on how many samples there were.
class ExampleMean {
 public:
  void add(const metrics::SampleValue& sample) {
    if (!sample.value) return;
    if (count_ == 0) {
      statistics_.assign(sample.statistics.size(), 0.0);
    } else if (statistics_.size() != sample.statistics.size()) {
      statistics_.clear();
    }
    for (std::size_t i = 0; i < statistics_.size(); ++i) statistics_[i] += sample.statistics[i];
    value_ += *sample.value;
    ++count_;
  }
  metrics::SampleValue mean() const {
    if (count_ == 0) return {};
    const auto count = static_cast<double>(count_);
    metrics::SampleValue mean{value_ / count, statistics_};
    for (auto& number : mean.statistics) number /= count;
    return mean;
  }

 private:
  double value_ = 0;
  std::vector<double> statistics_;
  std::size_t count_ = 0;
};

std::map<std::uint64_t, ExampleMean> by_example(const ArmSamples& samples) {
  std::map<std::uint64_t, ExampleMean> examples;
  for (const auto& [key, sample] : samples) examples[std::get<1>(key)].add(sample);
  return examples;
}

/// First with few trials; once more with enough for the family where it may matter.
std::optional<metrics::PairedTest> test_pairs(const PairedExamples& pairs,
                                              const std::string& metric,
                                              const TestOptions& options) {
  auto test = metrics::paired_test(metric, pairs.baseline, pairs.candidate, options.resampling);
  const auto trials = kTrialsPerTest * options.family;
  const auto first = static_cast<double>(options.resampling.resamples + 1);
  if (test && test->kind == metrics::PairedTestKind::randomization &&
      trials > options.resampling.resamples && test->p_value <= kFew / first) {
    auto finer = options.resampling;
    finer.trials = trials;
    finer.resamples = 2;
    test->p_value = metrics::paired_test(metric, pairs.baseline, pairs.candidate, finer)->p_value;
  }
  return test;
}

std::vector<std::size_t> ranking(const TaskTable& table) {
  std::vector<std::size_t> order(table.rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const bool higher = *table.columns.front().higher_is_better;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const double left = *table.rows[a].cells.front().value;
    const double right = *table.rows[b].cells.front().value;
    return higher ? left > right : left < right;
  });
  return order;
}

}  // namespace

PairedExamples pair_examples(const ArmSamples& baseline, const ArmSamples& candidate) {
  const auto left = by_example(baseline);
  const auto right = by_example(candidate);
  PairedExamples pairs;
  const auto has_value = [](const auto& examples, std::uint64_t example) {
    const auto found = examples.find(example);
    return found != examples.end() && found->second.mean().value.has_value();
  };
  for (const auto& [example, mean] : left) {
    if (!mean.mean().value) continue;
    if (!has_value(right, example)) {
      ++pairs.only_baseline;
      continue;
    }
    pairs.baseline.push_back(mean.mean());
    pairs.candidate.push_back(right.at(example).mean());
  }
  for (const auto& [example, mean] : right) {
    if (mean.mean().value && !has_value(left, example)) ++pairs.only_candidate;
  }
  return pairs;
}

void test_cell(const PairedExamples& pairs, const std::string& metric, const TestOptions& options,
               Cell& cell) {
  cell.only_baseline = pairs.only_baseline;
  cell.only_here = pairs.only_candidate;
  const auto test = test_pairs(pairs, metric, options);
  if (!test) return;
  cell.difference = test->difference;
  cell.difference_low = test->interval.low;
  cell.difference_high = test->interval.high;
  cell.p_value = test->p_value;
  cell.test = test->kind == metrics::PairedTestKind::mcnemar ? "McNemar" : "randomization";
  cell.effect_size = test->effect_size;
  cell.pairs = test->n;
  if (test->effect_size) {
    cell.pairs_needed =
        metrics::pairs_for_power(*test->effect_size, options.power, kSignificanceLevel);
  }
}

void correct(std::vector<TaskTable>& tables) {
  std::vector<Cell*> tested;
  std::vector<double> p_values;
  for (auto& table : tables) {
    for (auto& row : table.rows) {
      for (auto& cell : row.cells) {
        if (!cell.p_value) continue;
        tested.push_back(&cell);
        p_values.push_back(*cell.p_value);
      }
    }
  }
  const auto adjusted = metrics::holm_adjusted(p_values);
  for (std::size_t i = 0; i < tested.size(); ++i) {
    tested[i]->adjusted_p = adjusted[i];
    tested[i]->significant = adjusted[i] < kSignificanceLevel;
  }
}

void group_rows(TaskTable& table, const std::vector<ArmSamples>& samples,
                const TestOptions& options) {
  const std::size_t count = table.rows.size();
  for (const auto& row : table.rows) {
    if (!row.cells.front().value) return;
  }
  const auto order = ranking(table);
  auto finer = options;
  finer.family = count * (count - 1) / 2;
  std::vector<double> p_values;
  bool tested = false;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) {
      const auto test = test_pairs(pair_examples(samples[order[i]], samples[order[j]]),
                                   table.columns.front().name, finer);
      tested = tested || test;
      p_values.push_back(test ? test->p_value : 1);
    }
  }
  if (!tested) return;  // a metric of all outputs together, which no sample has a value of
  const auto adjusted = metrics::holm_adjusted(p_values);
  const auto letters = metrics::letter_groups(count, [&](std::size_t i, std::size_t j) {
    const std::size_t before = i * count - i * (i + 1) / 2;  // pairs of earlier rows
    return adjusted[before + j - i - 1] < kSignificanceLevel;
  });
  for (std::size_t i = 0; i < count; ++i) table.rows[order[i]].group = letters[i];
}

}  // namespace trellis::reports

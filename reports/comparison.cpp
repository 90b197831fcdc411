#include "reports/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "core/metrics/statistics.hpp"
#include "reports/arm_tests.hpp"

namespace trellis::reports {
namespace {

/// All pairs of more arms than this are too many tests to be worth their correction.
constexpr std::size_t kMostGrouped = 16;

struct Arm {
  ArmRow row;
  nlohmann::json tokenizer;  // as the model describes it
  std::vector<const storage::TrialRow*> trials;
};

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<Arm> arms_of(const std::vector<storage::TrialRow>& trials,
                         const storage::TaskRecord& task,
                         const std::vector<storage::FailureRow>& failures) {
  std::vector<Arm> arms;
  for (const auto& trial : trials) {
    if (trial.task_label != task.label) continue;
    auto found = std::find_if(arms.begin(), arms.end(), [&](const Arm& arm) {
      return arm.row.model == trial.model_label && arm.row.strategy == trial.record.strategy_label;
    });
    if (found == arms.end()) {
      found = arms.insert(arms.end(), Arm{});
      found->row.model = trial.model_label;
      found->row.strategy = trial.record.strategy_label;
      found->row.strategy_plugin = trial.record.strategy_plugin;
    }
    auto& row = found->row;
    found->trials.push_back(&trial);
    add_trial(row, trial);
    row.totals.prompt_tokens += trial.totals.prompt_tokens;
    row.totals.delivered_tokens += trial.totals.delivered_tokens;
    row.totals.computed_tokens += trial.totals.computed_tokens;
    row.totals.seconds += trial.totals.seconds;
    row.failures += static_cast<std::uint64_t>(
        std::count_if(failures.begin(), failures.end(), [&](const auto& failure) {
          return failure.record.trial_id ? *failure.record.trial_id == trial.record.id
                                         : failure.record.model_id == trial.record.model_id;
        }));
  }
  return arms;
}

/// The task's own metrics in its order, then what else the trials have.
std::vector<MetricColumn> all_columns(const storage::TaskRecord& task,
                                      const std::vector<Arm>& arms) {
  std::vector<MetricColumn> columns;
  std::set<std::string> known;
  for (const auto& metric : task.metrics) {
    MetricColumn column{metric.at("name"), metric.value("summary", ""), std::nullopt};
    if (metric.contains("higher_is_better")) column.higher_is_better = metric["higher_is_better"];
    known.insert(column.name);
    columns.push_back(std::move(column));
  }
  std::set<std::string> others;
  for (const auto& arm : arms) {
    for (const auto* trial : arm.trials) {
      for (const auto& [name, metric] : trial->metrics) {
        if (!known.contains(name)) others.insert(name);
      }
    }
  }
  for (const auto& name : others) {
    const auto* definition = metrics::find_metric(name);
    MetricColumn column{name, "", std::nullopt};
    if (definition != nullptr) {
      column.summary = definition->summary;
      column.higher_is_better = definition->higher_is_better;
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

std::vector<MetricColumn> chosen_columns(std::vector<MetricColumn> columns,
                                         const std::vector<std::string>& wanted) {
  if (wanted.empty()) {
    std::erase_if(columns, [](const MetricColumn& column) {
      const auto* definition = metrics::find_metric(column.name);
      return definition != nullptr && definition->diagnostic;
    });
    return columns;
  }
  std::vector<MetricColumn> chosen;
  for (const auto& name : wanted) {
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [&](const auto& column) { return column.name == name; });
    if (found != columns.end()) chosen.push_back(*found);
  }
  return chosen;
}

bool is_named(const ArmRow& row, const std::string& name) {
  if (name == row.model || name == row.strategy) return true;
  for (const auto* separator : {" × ", "×", " x ", " / ", "/"}) {
    if (name == row.model + separator + row.strategy) return true;
  }
  return false;
}

/// Moves the baseline to the front and marks it; false when the task has none of that name.
bool put_baseline_first(std::vector<Arm>& arms, const std::string& name) {
  if (arms.empty()) return false;
  const auto found =
      name.empty() ? arms.begin() : std::find_if(arms.begin(), arms.end(), [&](const Arm& arm) {
        return is_named(arm.row, name);
      });
  if (found == arms.end()) return false;
  std::rotate(arms.begin(), found, found + 1);
  arms.front().row.baseline = true;
  return true;
}

ArmSamples samples_of(storage::Reader& reader, const Arm& arm, const std::string& metric) {
  ArmSamples samples;
  for (const auto* trial : arm.trials) {
    for (auto& row : reader.sample_metrics(trial->record.id, metric)) {
      samples[{trial->record.seed, row.example_index, row.sample_index}] = {
          row.metric.value, std::move(row.metric.statistics)};
    }
  }
  return samples;
}

/// With the examples they are of: samples of one example are not independent.
struct Values {
  explicit Values(const ArmSamples& samples) {
    for (const auto& [key, value] : samples) {
      values.push_back(value);
      examples.push_back(std::get<1>(key));
    }
  }

  std::vector<metrics::SampleValue> values;
  std::vector<std::uint64_t> examples;
};

/// A metric of the whole trial, such as its speed: the mean over seeds, without an interval.
Cell trial_cell(const Arm& arm, const std::string& metric) {
  Cell cell;
  double sum = 0;
  std::size_t count = 0;
  for (const auto* trial : arm.trials) {
    const auto found = trial->metrics.find(metric);
    if (found == trial->metrics.end() || !found->second.value) continue;
    sum += *found->second.value;
    ++count;
    cell.n += found->second.n;
    cell.low = found->second.low;
    cell.high = found->second.high;
  }
  if (count > 0) cell.value = sum / static_cast<double>(count);
  if (count != 1) cell.low = cell.high = std::nullopt;
  return cell;
}

Cell sample_cell(const Arm& arm, const std::string& metric, const ArmSamples& samples,
                 const metrics::ResamplingOptions& options) {
  if (samples.empty()) return trial_cell(arm, metric);
  Cell cell;
  const auto [values, examples] = Values(samples);
  cell.n = static_cast<std::uint64_t>(std::count_if(
      values.begin(), values.end(), [](const auto& value) { return value.value.has_value(); }));
  // What the run stored for a single trial is shown as it is, so that all tools say the same.
  if (arm.trials.size() == 1 && arm.trials.front()->status == storage::TrialStatus::done) {
    const auto stored = trial_cell(arm, metric);
    if (stored.value) {
      cell.value = stored.value;
      cell.low = stored.low;
      cell.high = stored.high;
      return cell;
    }
  }
  cell.value = metrics::corpus_value(metric, values);
  if (const auto interval = metrics::bootstrap_interval(metric, values, options, examples)) {
    cell.low = interval->low;
    cell.high = interval->high;
  }
  return cell;
}

int decimals_of(const std::vector<Arm>& arms, std::size_t column) {
  double largest = 0;
  for (const auto& arm : arms) {
    largest = std::max(largest, std::abs(arm.row.cells[column].value.value_or(0)));
  }
  return decimals_for(largest);
}

/// Means of unlike numbers of equal values differ in their last bits.
bool alike(double a, double b) {
  return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}

void mark_best(std::vector<Arm>& arms, std::size_t column, std::optional<bool> higher_is_better) {
  if (!higher_is_better) return;
  std::optional<double> best;
  for (const auto& arm : arms) {
    const auto& value = arm.row.cells[column].value;
    if (value && (!best || (*higher_is_better ? *value > *best : *value < *best))) best = value;
  }
  const auto is_best = [&](const Arm& arm) {
    const auto& value = arm.row.cells[column].value;
    return best && value && alike(*value, *best);
  };
  const bool differ =
      arms.size() == 1 || std::any_of(arms.begin(), arms.end(), [&](const Arm& arm) {
        return arm.row.cells[column].value && !is_best(arm);
      });
  for (auto& arm : arms) arm.row.cells[column].best = differ && is_best(arm);
}

bool comparable(const Arm& a, const Arm& b, const std::string& metric) {
  const auto* definition = metrics::find_metric(metric);
  return definition == nullptr || !definition->counts_tokens || a.tokenizer == b.tokenizer;
}

/// One task's arms and columns, before anything was computed.
struct Plan {
  std::string task;
  std::vector<MetricColumn> columns;
  std::vector<Arm> arms;
};

/// As many tests as the tables will hold at most: what each p-value must be fine enough for.
std::size_t tests_of(const std::vector<Plan>& plans) {
  std::size_t tests = 0;
  for (const auto& plan : plans) {
    if (!plan.arms.empty()) tests += plan.columns.size() * (plan.arms.size() - 1);
  }
  return tests;
}

bool all_comparable(const std::vector<Arm>& arms, const std::string& metric) {
  return std::all_of(arms.begin(), arms.end(),
                     [&](const Arm& arm) { return comparable(arm, arms.front(), metric); });
}

TaskTable table_of(storage::Reader& reader, Plan&& plan, const TestOptions& options) {
  auto& [task, columns, arms] = plan;
  std::vector<ArmSamples> main_samples;
  for (std::size_t column = 0; column < columns.size(); ++column) {
    const auto& metric = columns[column].name;
    std::vector<ArmSamples> samples;
    for (auto& arm : arms) {
      samples.push_back(samples_of(reader, arm, metric));
      auto cell = sample_cell(arm, metric, samples.back(), options.resampling);
      if (!arm.row.baseline && comparable(arm, arms.front(), metric)) {
        test_cell(pair_examples(samples.front(), samples.back()), metric, options, cell);
      }
      arm.row.cells.push_back(std::move(cell));
    }
    if (all_comparable(arms, metric)) mark_best(arms, column, columns[column].higher_is_better);
    columns[column].decimals = decimals_of(arms, column);
    if (column == 0) main_samples = std::move(samples);
  }
  const bool grouped = !columns.empty() && columns.front().higher_is_better && arms.size() > 1 &&
                       arms.size() <= kMostGrouped && all_comparable(arms, columns.front().name);
  TaskTable table{task, std::move(columns), {}};
  for (auto& arm : arms) table.rows.push_back(std::move(arm.row));
  if (grouped) group_rows(table, main_samples, options);
  return table;
}

void require_known(const std::vector<std::string>& wanted, const std::set<std::string>& known,
                   const std::string& what) {
  for (const auto& name : wanted) {
    if (!known.contains(name)) {
      throw Error(Fault::usage, fmt::format("no {} '{}' in this experiment; it has: {}", what, name,
                                            joined({known.begin(), known.end()})));
    }
  }
}

}  // namespace

void add_trial(ArmRow& row, const storage::TrialRow& trial) {
  row.trials.push_back(trial.record.id);
  row.seeds.push_back(trial.record.seed);
  row.stored_samples += trial.stored_samples;
  row.expected_samples += trial.record.expected_samples;
  row.failed = row.failed || trial.status == storage::TrialStatus::failed;
  row.incomplete = row.incomplete || trial.status != storage::TrialStatus::done;
}

Comparison compare(storage::Reader& reader, const CompareOptions& options) {
  Comparison comparison{reader.experiment(options.experiment), {}, options.power};
  std::vector<Plan> plans;
  const auto tasks = reader.tasks(comparison.experiment.id);
  const auto trials = reader.trials(comparison.experiment.id);
  const auto failures = reader.failures(comparison.experiment.id);
  std::map<std::string, nlohmann::json> tokenizers;
  for (const auto& model : reader.models(comparison.experiment.id)) {
    if (model.result && model.result->description.is_object()) {
      tokenizers[model.record.id] = model.result->description.value("tokenizer", nlohmann::json());
    }
  }
  std::set<std::string> labels;
  std::set<std::string> metric_names;
  for (const auto& task : tasks) labels.insert(task.label);
  require_known(options.tasks, labels, "task");
  bool baseline_found = false;
  std::set<std::string> arm_names;
  for (const auto& task : tasks) {
    if (!options.tasks.empty() &&
        std::find(options.tasks.begin(), options.tasks.end(), task.label) == options.tasks.end()) {
      continue;
    }
    auto arms = arms_of(trials, task, failures);
    for (auto& arm : arms) arm.tokenizer = tokenizers[arm.trials.front()->record.model_id];
    auto columns = all_columns(task, arms);
    for (const auto& column : columns) metric_names.insert(column.name);
    for (const auto& arm : arms) arm_names.insert(arm.row.model + " × " + arm.row.strategy);
    // A model trained for one task is no baseline of another: then that task's first arm is.
    if (put_baseline_first(arms, options.baseline)) {
      baseline_found = true;
    } else {
      put_baseline_first(arms, "");
    }
    plans.push_back(
        {task.label, chosen_columns(std::move(columns), options.metrics), std::move(arms)});
  }
  require_known(options.metrics, metric_names, "metric");
  if (!options.baseline.empty() && !baseline_found) {
    throw Error(Fault::usage, "no baseline '" + options.baseline +
                                  "' in this experiment; it has: " +
                                  joined({arm_names.begin(), arm_names.end()}));
  }
  const TestOptions testing{
      {options.resamples, options.seed, 0.95}, tests_of(plans), options.power};
  for (auto& plan : plans) {
    comparison.tables.push_back(table_of(reader, std::move(plan), testing));
  }
  correct(comparison.tables);
  return comparison;
}

}  // namespace trellis::reports

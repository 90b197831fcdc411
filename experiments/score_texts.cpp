#include "experiments/score_texts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <future>

#include "core/error.hpp"
#include "core/metrics/statistics.hpp"
#include "core/metrics/turns.hpp"
#include "core/plugin/settings.hpp"
#include "core/plugin/task.hpp"
#include "core/text/unicode.hpp"
#include "experiments/trial_metrics.hpp"

namespace trellis::experiments {
namespace {

using Outputs = std::vector<std::vector<std::string>>;

/// The texts of one sample as tasks score them; see plugins/tasks/data/scoring.hpp.
struct Texts {
  explicit Texts(const storage::SampleRecord& sample)
      : source(sample.source), output(sample.output), references(sample.references) {
    const auto& fields = sample.fields;
    if (fields.is_object()) {
      source = fields.value("rewritten", source);
      if (fields.value("prompted", false)) {
        output = text::strip(output);
        for (auto& reference : references) reference = std::string(text::strip(reference));
      }
    }
    for (const auto& token : sample.tokens) tokens.push_back(token.text);
    std::vector<metrics::TurnTokens> turns;
    for (const auto& turn : plugin::turns_of_details(sample.details)) {
      turns.push_back(metrics::turn_tokens(turn.tokens, turn.finish));
    }
    if (turns.empty()) turns.push_back(metrics::turn_tokens(tokens.size(), sample.finish));
    metrics::drop_ends(tokens, turns);
  }

  std::string source;
  std::string output;
  std::vector<std::string> references;
  std::vector<std::string> tokens;
};

void score_sample(storage::SampleRecord& sample, const std::vector<std::string>& names,
                  std::vector<std::string>& tokens) {
  Texts texts(sample);
  const metrics::ScoredText text{texts.source, texts.output, texts.references, texts.tokens};
  sample.metrics.clear();
  for (const auto& name : names) {
    const auto* metric = metrics::find_metric(name);
    if (metric->of_text == nullptr) continue;
    auto value = metric->of_text(text);
    sample.metrics[name] = {value.value, std::move(value.statistics)};
  }
  tokens = std::move(texts.tokens);
}

void score_batch(std::vector<storage::SampleRecord>& samples, const std::vector<std::string>& names,
                 std::size_t threads, Outputs& outputs) {
  const std::size_t begun = outputs.size();
  outputs.resize(begun + samples.size());
  std::vector<std::future<void>> workers;
  for (std::size_t worker = 0; worker < threads; ++worker) {
    workers.push_back(std::async(std::launch::async, [&, worker] {
      for (std::size_t i = worker; i < samples.size(); i += threads) {
        score_sample(samples[i], names, outputs[begun + i]);
      }
    }));
  }
  for (auto& worker : workers) worker.get();
}

storage::TrialMetric metric_of_outputs(const metrics::MetricDefinition& metric,
                                       const Outputs& outputs) {
  return {std::string(metric.name), metric.of_outputs(outputs), {}, {}, outputs.size()};
}

}  // namespace

void require_text_metrics(const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (const auto& metric : metrics::all_metrics()) {
    if (metric.of_text != nullptr || metric.of_outputs != nullptr) known.emplace_back(metric.name);
  }
  for (const auto& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) {
      if (const auto* metric = metrics::find_metric(name); metric->require) metric->require();
      continue;
    }
    const auto near = plugin::nearest_name(name, known);
    throw Error(Fault::usage,
                fmt::format("--metric {}: no metric of texts has this name; {}there are: {}", name,
                            near ? fmt::format("did you mean \"{}\"? ", *near) : std::string(),
                            fmt::join(known, ", ")));
  }
}

std::uint64_t score_texts(storage::Reader& reader, storage::Store& store, std::int64_t experiment,
                          const std::vector<std::string>& names, std::size_t threads) {
  constexpr std::uint64_t read_at_once = 1024;  // samples
  std::uint64_t scored = 0;
  for (const auto& trial : reader.trials(experiment)) {
    Outputs outputs;
    for (std::uint64_t first = 0;; first += read_at_once) {
      auto samples = reader.samples(trial.record.id, first, read_at_once, true);
      if (samples.empty()) break;
      score_batch(samples, names, threads, outputs);
      store.add_sample_metrics(trial.record.id, samples);
    }
    if (outputs.empty()) continue;
    scored += outputs.size();
    auto all = trial.metrics;
    for (const auto& name : names) {
      const auto* metric = metrics::find_metric(name);
      all[name] = metric->of_outputs != nullptr ? metric_of_outputs(*metric, outputs)
                                                : trial_metric(reader, trial.record.id, name);
    }
    put_trial_metrics(store, trial.record.id, all);
  }
  return scored;
}

}  // namespace trellis::experiments

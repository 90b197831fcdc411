#include "gui/snapshot_reader.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "core/error.hpp"

namespace trellis::gui {
namespace {

constexpr std::size_t most_answer_rows = 10'000;

std::shared_ptr<const TrialSamples> read_trial(storage::Reader& reader, const std::string& trial) {
  auto samples = std::make_shared<TrialSamples>();
  samples->trial = trial;
  samples->rows = reader.sample_rows(trial);
  const auto rows = samples->rows.size();
  for (const auto& value : reader.sample_values(trial)) {
    if (value.metric.empty()) continue;  // a sample without metrics
    auto& column = samples->metrics[value.metric];
    column.resize(rows, std::numeric_limits<double>::quiet_NaN());
    // Samples that were committed between the two queries have values but no row yet.
    if (value.row < rows) column[value.row] = value.value;
  }
  return samples;
}

/// Steps through the rows of all trials together, by example and sample index.
std::vector<PairedRow> paired_rows(const PairedSamples& samples) {
  std::vector<PairedRow> rows;
  std::array<std::size_t, most_trials> next{};
  std::size_t example = 0;
  for (;;) {
    const storage::SampleRow* first = nullptr;
    for (std::size_t i = 0; i < samples.trials.size(); ++i) {
      const auto& list = samples.trials[i]->rows;
      if (next[i] == list.size()) continue;
      const auto& row = list[next[i]];
      if (first == nullptr || std::pair(row.example_index, row.sample_index) <
                                  std::pair(first->example_index, first->sample_index)) {
        first = &row;
      }
    }
    if (first == nullptr) return rows;
    while (example + 1 < samples.examples.size() &&
           samples.examples[example].example_index < first->example_index) {
      ++example;
    }
    PairedRow paired{static_cast<std::uint32_t>(example), first->sample_index, {}};
    paired.rows.fill(no_sample);
    for (std::size_t i = 0; i < samples.trials.size(); ++i) {
      const auto& list = samples.trials[i]->rows;
      if (next[i] < list.size() && list[next[i]].example_index == first->example_index &&
          list[next[i]].sample_index == first->sample_index) {
        paired.rows[i] = static_cast<std::int32_t>(next[i]++);
      }
    }
    rows.push_back(paired);
  }
}

void add_examples(storage::Reader& reader, const std::string& trial,
                  std::vector<storage::ExampleRow>& examples) {
  std::vector<storage::ExampleRow> both;
  auto more = reader.example_rows(trial);
  std::set_union(std::make_move_iterator(examples.begin()), std::make_move_iterator(examples.end()),
                 std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()),
                 std::back_inserter(both),
                 [](const auto& a, const auto& b) { return a.example_index < b.example_index; });
  examples = std::move(both);
}

}  // namespace

Overview read_overview(storage::Reader& reader, const std::string& experiment) {
  Overview overview;
  overview.experiments = reader.experiments();
  if (overview.experiments.empty()) return overview;
  const auto found =
      std::ranges::find(overview.experiments, experiment, [](const auto& row) { return row.name; });
  overview.experiment = found != overview.experiments.end() ? *found : overview.experiments.front();
  const auto id = overview.experiment.id;
  overview.models = reader.models(id);
  overview.tasks = reader.tasks(id);
  overview.trials = reader.trials(id);
  overview.failures = reader.failures(id);
  for (const auto& model : overview.models) {
    auto& curve = overview.curves[model.record.id];
    if (curve.empty()) curve = reader.training_curve(model.record.id);
  }
  return overview;
}

PairedSamples read_samples(storage::Reader& reader, const std::vector<std::string>& trials,
                           const PairedSamples* before) {
  PairedSamples samples;
  samples.wanted = trials;
  for (const auto& trial : trials) {
    std::shared_ptr<const TrialSamples> known;
    if (before != nullptr) {
      const auto found =
          std::ranges::find(before->trials, trial, [](const auto& list) { return list->trial; });
      if (found != before->trials.end()) known = *found;
    }
    samples.trials.push_back(known ? known : read_trial(reader, trial));
    add_examples(reader, trial, samples.examples);
  }
  samples.rows = paired_rows(samples);
  return samples;
}

SampleTokens read_tokens(storage::Reader& reader, const std::vector<std::string>& trials,
                         std::uint64_t example_index, std::uint32_t sample_index) {
  SampleTokens tokens{trials, example_index, sample_index, {}};
  for (const auto& trial : trials) {
    std::optional<storage::SampleRecord> wanted;
    for (auto& sample : reader.example_samples(trial, example_index, true)) {
      if (sample.sample_index == sample_index) wanted = std::move(sample);
    }
    tokens.samples.push_back(std::move(wanted));
  }
  return tokens;
}

Annotations read_annotations(storage::Reader& reader, std::int64_t experiment) {
  return {reader.ratings(experiment), reader.preferences(experiment), reader.tags()};
}

SqlAnswer read_sql(storage::Reader& reader, const std::string& sql,
                   const std::function<bool()>& cancelled) {
  SqlAnswer answer;
  answer.sql = sql;
  const auto begin = std::chrono::steady_clock::now();
  try {
    answer.table = reader.ask(sql, most_answer_rows, cancelled);
  } catch (const Error& error) {
    answer.problem = error.what();
  }
  answer.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return answer;
}

void add_characters(std::string_view text, CharacterSet& characters) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (at + size > text.size()) return;
    if (size < 4) {
      std::uint32_t value = size == 1 ? lead : lead & (0x7FU >> size);
      for (std::size_t i = 1; i < size; ++i) {
        value = value << 6U | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
      }
      characters.set(value & 0xFFFFU);
    }
    at += size;
  }
}

void add_characters(const Overview& overview, CharacterSet& characters) {
  for (const auto& row : overview.experiments) {
    add_characters(row.name, characters);
    add_characters(row.config_text, characters);
  }
  for (const auto& task : overview.tasks) add_characters(task.label, characters);
  for (const auto& model : overview.models) add_characters(model.record.label, characters);
  for (const auto& trial : overview.trials) {
    add_characters(trial.record.strategy_label, characters);
    add_characters(trial.model_label, characters);
    add_characters(trial.record.strategy.dump(), characters);
    for (const auto& [name, metric] : trial.metrics) add_characters(name, characters);
  }
  for (const auto& failure : overview.failures) {
    add_characters(failure.record.message, characters);
    add_characters(failure.record.standard_error, characters);
  }
}

void add_characters(const PairedSamples& samples, CharacterSet& characters) {
  for (const auto& example : samples.examples) {
    add_characters(example.source, characters);
    add_characters(example.prefix, characters);
    add_characters(example.example_id, characters);
    for (const auto& reference : example.references) add_characters(reference, characters);
  }
  for (const auto& trial : samples.trials) {
    for (const auto& row : trial->rows) add_characters(row.output, characters);
  }
}

void add_characters(const SampleTokens& tokens, CharacterSet& characters) {
  for (const auto& sample : tokens.samples) {
    if (!sample) continue;
    add_characters(sample->source, characters);
    add_characters(sample->prefix, characters);
    for (const auto& token : sample->tokens) {
      add_characters(token.text, characters);
      for (const auto& alternative : token.alternatives) {
        if (alternative.is_array() && !alternative.empty() && alternative[0].is_string()) {
          add_characters(alternative[0].get_ref<const std::string&>(), characters);
        }
      }
    }
  }
}

void add_characters(const Annotations& annotations, CharacterSet& characters) {
  for (const auto& rating : annotations.ratings) {
    add_characters(rating.rater, characters);
    add_characters(rating.criterion, characters);
  }
  for (const auto& preference : annotations.preferences) {
    add_characters(preference.rater, characters);
    add_characters(preference.criterion, characters);
  }
  for (const auto& tag : annotations.tags) add_characters(tag.tag, characters);
}

void add_characters(const SqlAnswer& answer, CharacterSet& characters) {
  add_characters(answer.sql, characters);
  for (const auto& column : answer.table.columns) add_characters(column, characters);
  for (const auto& row : answer.table.rows) {
    for (const auto& cell : row) {
      if (cell) add_characters(*cell, characters);
    }
  }
}

}  // namespace trellis::gui

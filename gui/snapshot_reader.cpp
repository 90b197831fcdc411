#include "gui/snapshot_reader.hpp"

#include <algorithm>
#include <chrono>

#include "core/error.hpp"
#include "gui/view_models/selection.hpp"

namespace trellis::gui {
namespace {

constexpr std::size_t most_answer_rows = 10'000;

/// What changes when samples that are there already get other values.
std::vector<double> scored(const storage::TrialRow* trial) {
  std::vector<double> values;
  if (trial == nullptr) return values;
  values.push_back(static_cast<double>(trial->status));
  for (const auto& [name, metric] : trial->metrics) {
    values.push_back(metric.value.value_or(0));
    values.push_back(static_cast<double>(metric.n));
  }
  return values;
}

/// Whether nothing but more samples can have come since.
bool has_only_grown(const TrialSamples& samples, const Overview& overview) {
  const auto* trial = find_trial(overview, samples.trial);
  return trial != nullptr && samples.scored == scored(trial) &&
         samples.rows.size() <= trial->stored_samples;
}

/// The samples that were stored after those of a key, all for 0.
TrialSamples read_trial(storage::Reader& reader, const std::string& trial, std::int64_t after) {
  TrialSamples samples;
  samples.trial = trial;
  samples.newest = after;
  samples.rows = reader.sample_rows(trial, after);
  const auto rows = samples.rows.size();
  for (const auto& row : samples.rows) samples.newest = std::max(samples.newest, row.key);
  for (const auto& value : reader.sample_values(trial, after)) {
    if (value.metric.empty()) continue;  // a sample without metrics
    auto& column = samples.metrics[value.metric];
    column.resize(rows, no_value);
    // Samples that were committed between the two queries have values but no row yet.
    if (value.row < rows) column[value.row] = value.value;
  }
  return samples;
}

/// Both by example and sample index; of samples that are in both, that which was added.
TrialSamples merged(const TrialSamples& before, const TrialSamples& added) {
  TrialSamples both;
  both.trial = before.trial;
  both.newest = added.newest;
  both.rows.reserve(before.rows.size() + added.rows.size());
  for (const auto* part : {&before, &added}) {
    for (const auto& [metric, values] : part->metrics) both.metrics[metric];
  }
  for (auto& [metric, values] : both.metrics) values.reserve(both.rows.capacity());
  const auto take = [&](const TrialSamples& from, std::size_t at) {
    both.rows.push_back(from.rows[at]);
    for (auto& [metric, values] : both.metrics) {
      const auto found = from.metrics.find(metric);
      values.push_back(found != from.metrics.end() ? found->second[at] : no_value);
    }
  };
  const auto place = [](const storage::SampleRow& row) {
    return std::pair(row.example_index, row.sample_index);
  };
  std::size_t old = 0;
  for (std::size_t i = 0; i < added.rows.size(); ++i) {
    while (old < before.rows.size() && place(before.rows[old]) < place(added.rows[i])) {
      take(before, old++);
    }
    if (old < before.rows.size() && place(before.rows[old]) == place(added.rows[i])) ++old;
    take(added, i);
  }
  while (old < before.rows.size()) take(before, old++);
  return both;
}

std::shared_ptr<const TrialSamples> find_samples(const PairedSamples* samples,
                                                 const std::string& trial) {
  if (samples == nullptr) return nullptr;
  const auto found =
      std::ranges::find(samples->trials, trial, [](const auto& list) { return list->trial; });
  return found != samples->trials.end() ? *found : nullptr;
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

void add_examples(std::vector<storage::ExampleRow> more,
                  std::vector<storage::ExampleRow>& examples) {
  const auto by_index = [](const auto& a, const auto& b) {
    return a.example_index < b.example_index;
  };
  const auto before = examples.size();
  const bool behind = !examples.empty() && !more.empty() && by_index(examples.back(), more.front());
  examples.insert(examples.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
  if (behind) return;
  std::inplace_merge(examples.begin(), examples.begin() + static_cast<std::ptrdiff_t>(before),
                     examples.end(), by_index);
  const auto same = [](const auto& a, const auto& b) { return a.example_index == b.example_index; };
  examples.erase(std::unique(examples.begin(), examples.end(), same), examples.end());
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
                           const PairedSamples* before, const Overview& overview, bool committed) {
  // Examples are kept for all trials together: where one trial is read anew, so are they.
  const bool all_known = std::ranges::all_of(trials, [&](const auto& trial) {
    const auto known = find_samples(before, trial);
    return known && (!committed || has_only_grown(*known, overview));
  });
  PairedSamples samples;
  samples.wanted = trials;
  if (all_known && before != nullptr) samples.examples = before->examples;
  for (const auto& trial : trials) {
    auto known = committed && !all_known ? nullptr : find_samples(before, trial);
    if (!known || committed) {
      const auto after = known ? known->newest : 0;
      auto read = read_trial(reader, trial, after);
      if (known && !read.rows.empty()) {
        add_examples(reader.example_rows(trial, after), samples.examples);
        read = merged(*known, read);
      }
      if (!known || read.newest != after) {
        read.scored = scored(find_trial(overview, trial));
        known = std::make_shared<const TrialSamples>(std::move(read));
      }
    }
    samples.trials.push_back(known);
    if (!all_known) add_examples(reader.example_rows(trial), samples.examples);
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

#include "gui/export.hpp"

#include <fmt/format.h>

#include <cmath>

#include "gui/view_models/curves.hpp"
#include "gui/view_models/leaderboard.hpp"
#include "gui/view_models/sample_filter.hpp"
#include "gui/view_models/selection.hpp"

namespace trellis::gui {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char byte : text) {
    if (byte == '\'') out += '\'';
    out += byte;
  }
  return out + "'";
}

std::string trials_of(const ViewState& state) {
  std::string list;
  for (const auto& trial : state.trials)
    list += fmt::format("{}{}", list.empty() ? "" : ", ", quoted(trial));
  return list.empty() ? "''" : list;
}

class Csv {
 public:
  void field(const std::string& text) {
    if (!first_) out_ += ',';
    first_ = false;
    if (text.find_first_of(",\"\r\n") == std::string::npos) {
      out_ += text;
      return;
    }
    out_ += '"';
    for (const char byte : text) {
      if (byte == '"') out_ += '"';
      out_ += byte;
    }
    out_ += '"';
  }
  void number(const std::optional<double>& value) {
    field(value && !std::isnan(*value) ? fmt::format("{}", *value) : "");
  }
  void end() {
    out_ += '\n';
    first_ = true;
  }
  std::string text() { return std::move(out_); }

 private:
  std::string out_;
  bool first_ = true;
};

std::string leaderboard_csv(const Snapshot& snapshot, const ViewState& state) {
  Csv csv;
  for (const auto* name : {"task", "model", "strategy", "metric", "value", "low", "high", "n",
                           "difference", "p_value", "adjusted_p"}) {
    csv.field(name);
  }
  csv.end();
  const auto* table = chosen_table(snapshot, state);
  if (table == nullptr) return csv.text();
  for (const auto row : leaderboard_order(*table, state)) {
    const auto& arm = table->rows[row];
    for (std::size_t column = 0; column < table->columns.size(); ++column) {
      const auto& cell = arm.cells[column];
      csv.field(table->task);
      csv.field(arm.model);
      csv.field(arm.strategy);
      csv.field(table->columns[column].name);
      csv.number(cell.value);
      csv.number(cell.low);
      csv.number(cell.high);
      csv.field(std::to_string(cell.n));
      csv.number(cell.difference);
      csv.number(cell.p_value);
      csv.number(cell.adjusted_p);
      csv.end();
    }
  }
  return csv.text();
}

std::string samples_csv(const Snapshot& snapshot, const ViewState& state) {
  Csv csv;
  const auto metric = chosen_metric(snapshot, state);
  for (const auto* name : {"example", "sample", "trial", "model_strategy", "source", "output"}) {
    csv.field(name);
  }
  csv.field(metric);
  csv.end();
  if (!snapshot.order || !snapshot.overview) return csv.text();
  const auto& samples = *snapshot.order->samples;
  for (const auto place : snapshot.order->rows) {
    const auto& row = samples.rows[place];
    for (std::size_t i = 0; i < samples.trials.size(); ++i) {
      if (row.rows[i] == no_sample) continue;
      const auto& trial = *samples.trials[i];
      csv.field(std::to_string(samples.examples[row.example].example_index));
      csv.field(std::to_string(row.sample_index));
      csv.field(trial.trial);
      csv.field(trial_name(*snapshot.overview, trial.trial));
      csv.field(samples.examples[row.example].source);
      csv.field(trial.rows[static_cast<std::size_t>(row.rows[i])].output);
      csv.number(metric_of(samples, row, i, metric));
      csv.end();
    }
  }
  return csv.text();
}

std::string tokens_csv(const Snapshot& snapshot) {
  Csv csv;
  for (const auto* name :
       {"trial", "position", "token", "text", "log_probability", "entropy", "rank"}) {
    csv.field(name);
  }
  csv.end();
  if (!snapshot.tokens) return csv.text();
  for (std::size_t i = 0; i < snapshot.tokens->samples.size(); ++i) {
    const auto& sample = snapshot.tokens->samples[i];
    if (!sample) continue;
    for (std::size_t position = 0; position < sample->tokens.size(); ++position) {
      const auto& token = sample->tokens[position];
      csv.field(snapshot.tokens->trials[i]);
      csv.field(std::to_string(position));
      csv.field(std::to_string(token.id));
      csv.field(token.text);
      csv.number(token.log_probability);
      csv.number(token.entropy);
      csv.field(std::to_string(token.rank));
      csv.end();
    }
  }
  return csv.text();
}

std::string curves_csv(const Snapshot& snapshot, const ViewState& state) {
  Csv csv;
  for (const auto* name : {"curve", "x", "loss", "smoothed"}) csv.field(name);
  csv.end();
  if (!snapshot.overview) return csv.text();
  for (const auto& curve : curves_of(*snapshot.overview, state)) {
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      csv.field(curve.name);
      csv.number(curve.x[i]);
      csv.number(curve.raw[i]);
      csv.number(curve.smooth[i]);
      csv.end();
    }
  }
  return csv.text();
}

std::string ratings_csv(const Snapshot& snapshot, const ViewState& state) {
  Csv csv;
  const auto end_row = [&](const std::vector<std::string>& fields) {
    for (const auto& field : fields) csv.field(field);
    csv.end();
  };
  const auto criterion = chosen_criterion(state);
  const bool pairs = state.rating == RatingKind::pairs;
  end_row(pairs ? std::vector<std::string>{"rater", "criterion", "first_trial", "second_trial",
                                           "example", "sample", "preferred"}
                : std::vector<std::string>{"rater", "criterion", "trial", "example", "sample",
                                           "score"});
  if (!snapshot.annotations) return csv.text();
  for (const auto& row : snapshot.annotations->preferences) {
    if (!pairs || row.criterion != criterion || !row.preferred) continue;
    end_row({row.rater, row.criterion, row.trials[0], row.trials[1],
             std::to_string(row.example_index), std::to_string(row.sample_index),
             std::string(to_string(*row.preferred))});
  }
  for (const auto& row : snapshot.annotations->ratings) {
    if (pairs || row.criterion != criterion || !row.score) continue;
    end_row({row.rater, row.criterion, row.trial, std::to_string(row.example_index),
             std::to_string(row.sample_index), std::to_string(*row.score)});
  }
  return csv.text();
}

std::string answer_csv(const Snapshot& snapshot) {
  Csv csv;
  if (!snapshot.sql) return "";
  for (const auto& column : snapshot.sql->table.columns) csv.field(column);
  csv.end();
  for (const auto& row : snapshot.sql->table.rows) {
    for (const auto& cell : row) csv.field(cell.value_or(""));
    csv.end();
  }
  return csv.text();
}

}  // namespace

std::string query_of(const Snapshot& snapshot, const ViewState& state) {
  const auto experiment =
      quoted(snapshot.overview ? snapshot.overview->experiment.name : state.experiment);
  const auto task = quoted(chosen_task(snapshot, state));
  const auto metric = quoted(chosen_metric(snapshot, state));
  switch (state.screen) {
    case Screen::runs:
      return "SELECT task, model, strategy, seed, status, stored_samples, expected_samples, "
             "tokens_per_second\nFROM progress_view WHERE experiment = " +
             experiment;
    case Screen::curves:
      return "SELECT model, task, split, step, tokens, seconds, loss\nFROM curve_view ORDER BY "
             "model, task, split, step";
    case Screen::samples:
    case Screen::compare:
      return "SELECT sample_view.example_index, sample_view.sample_index, sample_view.model,\n"
             "  sample_view.strategy, value, output, source, reference\nFROM sample_view LEFT JOIN "
             "metric_view ON metric_view.sample = sample_view.sample\n  AND metric_view.experiment "
             "= sample_view.experiment AND metric = " +
             metric + "\nWHERE sample_view.experiment = " + experiment +
             " AND sample_view.trial IN (" + trials_of(state) +
             ")\nORDER BY sample_view.example_index, sample_view.sample_index";
    case Screen::tokens:
      return fmt::format(
          "SELECT model, strategy, position, text, probability, log_probability, entropy, rank\n"
          "FROM token_view WHERE experiment = {} AND trial IN ({})\n  AND example_index = {} AND "
          "sample_index = {}\nORDER BY trial, position",
          experiment, trials_of(state), state.example, state.sample);
    case Screen::rate:
      return state.rating == RatingKind::pairs
                 ? "SELECT first_model, first_strategy, second_model, second_strategy, "
                   "example_index,\n  sample_index, rater, preferred, at\nFROM preference_view "
                   "WHERE experiment = " +
                       experiment + " AND task = " + task +
                       "\n  AND criterion = " + quoted(chosen_criterion(state)) + "\nORDER BY at"
                 : "SELECT model, strategy, seed, example_index, sample_index, rater, score, at\n"
                   "FROM rating_view WHERE experiment = " +
                       experiment + " AND task = " + task +
                       "\n  AND criterion = " + quoted(chosen_criterion(state)) + "\nORDER BY at";
    case Screen::sql:
      return state.sql;
    default:
      return "SELECT model, strategy, seed, metric, value, low, high, n, place\nFROM leaderboard "
             "WHERE experiment = " +
             experiment + " AND task = " + task + "\nORDER BY metric, place";
  }
}

std::string csv_of(const Snapshot& snapshot, const ViewState& state) {
  switch (state.screen) {
    case Screen::samples:
    case Screen::compare:
      return samples_csv(snapshot, state);
    case Screen::tokens:
      return tokens_csv(snapshot);
    case Screen::curves:
      return curves_csv(snapshot, state);
    case Screen::rate:
      return ratings_csv(snapshot, state);
    case Screen::sql:
      return answer_csv(snapshot);
    default:
      return leaderboard_csv(snapshot, state);
  }
}

}  // namespace trellis::gui

/// The part of Store that writes samples, tokens, metrics and failures.
#include <xxhash.h>

#include "core/error.hpp"
#include "storage/store_implementation.hpp"

namespace trellis::storage {
namespace {

/// Every arm that answers one example shares the example's row.
std::int64_t put_example(Connection& connection, const SampleRecord& sample) {
  const auto references = to_text(sample.references);
  const auto fields = sample.fields.is_null() ? std::string() : to_text(sample.fields);
  std::string content;
  for (const auto* part :
       {&sample.example_id, &sample.source, &sample.prefix, &references, &fields}) {
    content += std::to_string(part->size());
    content += ':';
    content += *part;
  }
  XXH128_canonical_t digest;
  XXH128_canonicalFromHash(&digest, XXH3_128bits(content.data(), content.size()));
  {
    auto query = connection.query("SELECT example FROM examples WHERE digest = ?");
    if (query.blob(digest.digest, sizeof digest.digest).step()) return query.integer_at(0);
  }
  connection
      .query(
          "INSERT INTO examples (digest, example_id, source, prefix, reference_list, fields) "
          "VALUES (?, ?, ?, ?, ?, ?)")
      .blob(digest.digest, sizeof digest.digest)
      .text(sample.example_id)
      .text(sample.source)
      .text(sample.prefix)
      .text(references)
      .text_or_null(fields.empty() ? nullptr : &fields)
      .run();
  return connection.database().getLastInsertRowid();
}

void put_tokens(Connection& connection, std::int64_t sample, const std::vector<Token>& tokens) {
  auto query = connection.query("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const auto& token : tokens) {
    const auto alternatives =
        token.alternatives.is_null() ? std::string() : to_text(token.alternatives);
    query.integer(sample)
        .integer(position++)
        .integer(token.id)
        .text(token.text)
        .real(token.log_probability)
        .real(token.entropy)
        .integer(token.rank)
        .text_or_null(alternatives.empty() ? nullptr : &alternatives)
        .run();
  }
}

void put_metrics(Connection& connection, std::int64_t sample,
                 const std::map<std::string, MetricValue>& metrics) {
  auto query = connection.query("INSERT INTO sample_metrics VALUES (?, ?, ?, ?)");
  for (const auto& [name, metric] : metrics) {
    const auto statistics = metric.statistics.empty() ? std::string() : to_text(metric.statistics);
    query.integer(sample)
        .text(name)
        .real(metric.value)
        .text_or_null(statistics.empty() ? nullptr : &statistics)
        .run();
  }
}

/// The key of a sample that is stored.
std::int64_t row_of(Connection& connection, const std::string& trial, std::int64_t key,
                    const SampleRecord& sample) {
  auto query = connection.query(
      "SELECT sample FROM samples WHERE trial = ? AND example_index = ? AND sample_index = ?");
  query.integer(key).count(sample.example_index).integer(sample.sample_index);
  if (!query.step()) {
    throw Error(Fault::usage, connection.path().string() + ": trial " + trial + " has no sample " +
                                  std::to_string(sample.sample_index) + " of example " +
                                  std::to_string(sample.example_index));
  }
  return query.integer_at(0);
}

std::int64_t put_sample(Connection& connection, std::int64_t trial, const SampleRecord& sample) {
  const auto example = put_example(connection, sample);
  const auto details = sample.details.is_null() ? std::string() : to_text(sample.details);
  const auto expert_use = sample.expert_use.is_null() ? std::string() : to_text(sample.expert_use);
  connection.query("DELETE FROM samples WHERE trial = ? AND example_index = ? AND sample_index = ?")
      .integer(trial)
      .count(sample.example_index)
      .integer(sample.sample_index)
      .run();
  connection
      .query(
          "INSERT INTO samples (trial, example_index, sample_index, example, output, finish, "
          "score, seconds, token_count, details, expert_use) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .integer(trial)
      .count(sample.example_index)
      .integer(sample.sample_index)
      .integer(example)
      .text(sample.output)
      .text(sample.finish)
      .real(sample.score)
      .real(sample.seconds)
      .count(sample.tokens.size())
      .text_or_null(details.empty() ? nullptr : &details)
      .text_or_null(expert_use.empty() ? nullptr : &expert_use)
      .run();
  return connection.database().getLastInsertRowid();
}

}  // namespace

std::vector<std::pair<std::uint64_t, std::uint32_t>> Store::stored_samples(
    const std::string& trial) {
  auto& connection = implementation_->connection;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> stored;
  connection.guarded([&] {
    auto query = connection.query(
        "SELECT example_index, sample_index FROM samples WHERE trial = ? "
        "ORDER BY example_index, sample_index");
    query.integer(implementation_->trial_key(trial));
    while (query.step()) {
      stored.emplace_back(query.count_at(0), static_cast<std::uint32_t>(query.integer_at(1)));
    }
  });
  return stored;
}

void Store::put_samples(const std::string& trial, const std::vector<SampleRecord>& samples) {
  auto& connection = implementation_->connection;
  connection.transaction([&] {
    const auto key = implementation_->trial_key(trial);
    for (const auto& sample : samples) {
      const auto row = put_sample(connection, key, sample);
      put_tokens(connection, row, sample.tokens);
      put_metrics(connection, row, sample.metrics);
    }
  });
}

void Store::add_sample_metrics(const std::string& trial, const std::vector<SampleRecord>& samples) {
  auto& connection = implementation_->connection;
  connection.transaction([&] {
    const auto key = implementation_->trial_key(trial);
    for (const auto& sample : samples) {
      const auto row = row_of(connection, trial, key, sample);
      for (const auto& [name, metric] : sample.metrics) {
        connection.query("DELETE FROM sample_metrics WHERE sample = ? AND metric = ?")
            .integer(row)
            .text(name)
            .run();
      }
      put_metrics(connection, row, sample.metrics);
    }
  });
}

void Store::put_sample_metrics(const std::string& trial, const std::vector<SampleRecord>& samples) {
  auto& connection = implementation_->connection;
  connection.transaction([&] {
    const auto key = implementation_->trial_key(trial);
    for (const auto& sample : samples) {
      const auto row = row_of(connection, trial, key, sample);
      const auto details = sample.details.is_null() ? std::string() : to_text(sample.details);
      connection.query("UPDATE samples SET details = ? WHERE sample = ?")
          .text_or_null(details.empty() ? nullptr : &details)
          .integer(row)
          .run();
      connection.query("DELETE FROM sample_metrics WHERE sample = ?").integer(row).run();
      put_metrics(connection, row, sample.metrics);
    }
  });
}

void Store::put_trial_metrics(const std::string& trial, const std::vector<TrialMetric>& metrics) {
  auto& connection = implementation_->connection;
  connection.transaction([&] {
    const auto key = implementation_->trial_key(trial);
    connection.query("DELETE FROM trial_metrics WHERE trial = ?").integer(key).run();
    for (const auto& metric : metrics) {
      connection.query("INSERT INTO trial_metrics VALUES (?, ?, ?, ?, ?, ?)")
          .integer(key)
          .text(metric.name)
          .real(metric.value)
          .real(metric.low)
          .real(metric.high)
          .count(metric.n)
          .run();
    }
  });
}

void Store::put_trial_totals(const std::string& trial, const TrialTotals& totals) {
  auto& connection = implementation_->connection;
  connection.transaction([&] {
    connection
        .query(
            "UPDATE trials SET prompt_tokens = ?, delivered_tokens = ?, computed_tokens = ?, "
            "seconds = ? WHERE trial = ?")
        .count(totals.prompt_tokens)
        .count(totals.delivered_tokens)
        .count(totals.computed_tokens)
        .real(totals.seconds)
        .integer(implementation_->trial_key(trial))
        .run();
  });
}

void Store::put_sweep(const std::string& model, const std::string& task,
                      const SweepTotals& totals) {
  auto& connection = implementation_->connection;
  const auto time = implementation_->clock();
  connection.transaction([&] {
    auto query = connection.query(
        "INSERT OR REPLACE INTO sweeps (model, task, finished, trials, samples, prompt_tokens, "
        "prompt_tokens_saved, delivered_tokens, computed_tokens, computed_tokens_saved, "
        "peak_states, peak_state_bytes, seconds) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query.text(model)
        .text(task)
        .text(time)
        .count(totals.trials)
        .count(totals.samples)
        .count(totals.prompt_tokens)
        .count(totals.prompt_tokens_saved)
        .count(totals.delivered_tokens)
        .count(totals.computed_tokens)
        .count(totals.computed_tokens_saved)
        .count(totals.peak_states);
    totals.peak_state_bytes ? query.count(*totals.peak_state_bytes) : query.null();
    query.real(totals.seconds).run();
  });
}

void Store::put_failure(const FailureRecord& failure) {
  auto& connection = implementation_->connection;
  const auto time = implementation_->clock();
  connection.transaction([&] {
    auto query = connection.query(
        "INSERT INTO failures (at, experiment, trial, model, stage, message, signal, example_id, "
        "standard_error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    const auto integer_or_null = [&query](const auto& value) {
      if (value) {
        query.integer(*value);
      } else {
        query.null();
      }
    };
    query.text(time);
    integer_or_null(implementation_->experiment);
    integer_or_null(failure.trial_id ? std::optional(implementation_->trial_key(*failure.trial_id))
                                     : std::optional<std::int64_t>());
    query.text_or_null(failure.model_id ? &*failure.model_id : nullptr)
        .text(failure.stage)
        .text(failure.message);
    integer_or_null(failure.signal);
    query.text_or_null(failure.example_id ? &*failure.example_id : nullptr)
        .text(failure.standard_error)
        .run();
  });
}

void Store::clear_failures(const std::string& trial_or_model) {
  auto& connection = implementation_->connection;
  connection.transaction([&] {
    connection
        .query(
            "DELETE FROM failures WHERE model = ?1 OR trial = (SELECT trial FROM trials WHERE "
            "id = ?1)")
        .text(trial_or_model)
        .run();
  });
}

}  // namespace trellis::storage

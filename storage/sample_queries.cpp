/// The part of Reader that reads samples, their tokens and metrics.
#include "storage/reader_implementation.hpp"

namespace trellis::storage {
namespace {

std::vector<Token> tokens_of(Connection& connection, std::int64_t sample) {
  std::vector<Token> tokens;
  auto query = connection.query(
      "SELECT token, text, log_probability, entropy, rank, alternatives FROM tokens "
      "WHERE sample = ? ORDER BY position");
  query.integer(sample);
  while (query.step()) {
    tokens.push_back({static_cast<std::int32_t>(query.integer_at(0)), query.text_at(1),
                      query.real_at(2), query.real_at(3),
                      static_cast<std::uint32_t>(query.integer_at(4)), query.json_at(5)});
  }
  return tokens;
}

MetricValue metric_at(const Query& query, int value, int statistics) {
  MetricValue metric{query.optional_real_at(value), {}};
  const auto list = query.json_at(statistics);
  if (list.is_array()) metric.statistics = list.get<std::vector<double>>();
  return metric;
}

std::map<std::string, MetricValue> metrics_of(Connection& connection, std::int64_t sample) {
  std::map<std::string, MetricValue> metrics;
  auto query =
      connection.query("SELECT metric, value, statistics FROM sample_metrics WHERE sample = ?");
  query.integer(sample);
  while (query.step()) metrics[query.text_at(0)] = metric_at(query, 1, 2);
  return metrics;
}

constexpr const char* kSampleColumns =
    "SELECT example_index, example_id, sample_index, source, prefix, output, reference_list, "
    "fields, finish, score, seconds, details, sample, expert_use FROM samples "
    "JOIN examples ON examples.example = samples.example WHERE trial = ? ";

SampleRecord sample_at(Connection& connection, const Query& query, bool with_tokens) {
  SampleRecord row;
  row.example_index = query.count_at(0);
  row.example_id = query.text_at(1);
  row.sample_index = static_cast<std::uint32_t>(query.integer_at(2));
  row.source = query.text_at(3);
  row.prefix = query.text_at(4);
  row.output = query.text_at(5);
  row.references = query.json_at(6).get<std::vector<std::string>>();
  row.fields = query.json_at(7);
  row.finish = query.text_at(8);
  row.score = query.real_at(9);
  row.seconds = query.real_at(10);
  row.details = query.json_at(11);
  row.expert_use = query.json_at(13);
  row.metrics = metrics_of(connection, query.integer_at(12));
  if (with_tokens) row.tokens = tokens_of(connection, query.integer_at(12));
  return row;
}

}  // namespace

std::vector<SampleMetricRow> Reader::sample_metrics(const std::string& trial,
                                                    std::string_view metric) {
  const std::string name(metric);
  return rows_of(
      implementation_->connection,
      "SELECT example_index, sample_index, value, statistics FROM samples "
      "JOIN sample_metrics ON sample_metrics.sample = samples.sample AND metric = ? "
      "WHERE trial = ? ORDER BY example_index, sample_index",
      [&](Query& query) { query.text(name).integer(implementation_->trial_key(trial)); },
      [](const Query& query) {
        return SampleMetricRow{query.count_at(0), static_cast<std::uint32_t>(query.integer_at(1)),
                               metric_at(query, 2, 3)};
      });
}

std::vector<SampleRecord> Reader::samples(const std::string& trial, std::uint64_t first,
                                          std::uint64_t count, bool with_tokens) {
  // Prepared statements are kept by the text's address, so it must last.
  static const std::string kSql =
      std::string(kSampleColumns) + "ORDER BY example_index, sample_index LIMIT ? OFFSET ?";
  auto& connection = implementation_->connection;
  return rows_of(
      connection, kSql,
      [&](Query& query) {
        query.integer(implementation_->trial_key(trial)).count(count).count(first);
      },
      [&](const Query& query) { return sample_at(connection, query, with_tokens); });
}

std::vector<SampleRecord> Reader::example_samples(const std::string& trial, std::uint64_t example,
                                                  bool with_tokens) {
  static const std::string kSql =
      std::string(kSampleColumns) + "AND example_index = ? ORDER BY sample_index";
  auto& connection = implementation_->connection;
  return rows_of(
      connection, kSql,
      [&](Query& query) { query.integer(implementation_->trial_key(trial)).count(example); },
      [&](const Query& query) { return sample_at(connection, query, with_tokens); });
}

}  // namespace trellis::storage

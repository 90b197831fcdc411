/// Storing samples with their tokens and metrics in batches, as a run does, beside the SQLite C
/// interface inserting the same rows under the same settings.
///
/// Store also finds the example's row and replaces a sample that is there already, and writes
/// alternatives as JSON; the reference is given ready texts and inserts only.
#include <sqlite3.h>

#include <cmath>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <variant>

#include "storage/store.hpp"
#include "tests/abi/host.hpp"
#include "tests/bench/measure.hpp"

namespace trellis::bench {
namespace {

using nlohmann::json;

constexpr std::size_t kBatch = 64;  // samples a transaction, as in experiments/model_run.cpp
constexpr std::size_t kTokens = 32;

storage::SampleRecord make_sample(std::uint64_t number) {
  storage::SampleRecord sample;
  sample.example_index = number;
  sample.example_id = "test-" + std::to_string(number);
  sample.source = "A sentence of ordinary length stands for what the model was asked, number " +
                  std::to_string(number) + ".";
  sample.output = "A sentence of the same length stands for what the model answered to all this.";
  sample.references = {"A sentence of that length stands for what a person would have answered."};
  sample.finish = "eos";
  sample.score = -12.5;
  sample.seconds = 0.125;
  for (std::size_t i = 0; i < kTokens; ++i) {
    const auto id = static_cast<std::int32_t>((number * 31 + i * 7) % 8000);
    storage::Token token{id,           " word" + std::to_string(id), -1.0 / (1.0 + id), 2.5, 1,
                         json::array()};
    for (int k = 0; k < 5; ++k)
      token.alternatives.push_back({" word" + std::to_string(id + k), -0.7 / (1.0 + id + k)});
    sample.tokens.push_back(std::move(token));
  }
  sample.metrics["bleu"] = {{}, {9, 12, 7, 11, 5, 10, 3, 9, 12, 13}};
  sample.metrics["chrf"] = {0.5, {80, 90, 60, 79, 89, 50, 78, 88, 40, 77, 87, 30}};
  sample.metrics["length"] = {32.0, {}};
  return sample;
}

std::vector<storage::SampleRecord> make_batch(std::uint64_t first) {
  std::vector<storage::SampleRecord> batch;
  for (std::size_t i = 0; i < kBatch; ++i) batch.push_back(make_sample(first + i));
  return batch;
}

storage::Store make_database(const std::filesystem::path& path) {
  auto store = storage::Store::open(path);
  const storage::ModelRecord model{"model", "model", "rnn", "1.0", json::object(), "task", 1};
  const storage::TaskRecord task{"task",         "task",        "translation", "1.0",
                                 json::object(), json::array(), "data",        1'000'000};
  const storage::TrialRecord trial{"trial",  "model",        "task", "greedy",
                                   "greedy", json::object(), 1,      1'000'000};
  store.put_experiment({"bench", "bench.toml", "", 1, json::object()}, {model}, {task}, {trial});
  return store;
}

// The texts that the reference inserts, made before the clock runs.
struct Texts {
  std::string references;
  std::vector<std::string> alternatives;
  std::vector<std::string> statistics;
};

std::vector<Texts> texts_of(const std::vector<storage::SampleRecord>& batch) {
  std::vector<Texts> all;
  for (const auto& sample : batch) {
    Texts texts{json(sample.references).dump(), {}, {}};
    for (const auto& token : sample.tokens) texts.alternatives.push_back(token.alternatives.dump());
    for (const auto& [name, metric] : sample.metrics)
      texts.statistics.push_back(json(metric.statistics).dump());
    all.push_back(std::move(texts));
  }
  return all;
}

using Value = std::variant<std::monostate, std::int64_t, double, std::string_view>;

class RawDatabase {
 public:
  explicit RawDatabase(const std::filesystem::path& path) {
    check(sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READWRITE, nullptr));
    run("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA synchronous = NORMAL");
    example_ = prepare("INSERT INTO examples VALUES (NULL, CAST(? AS BLOB), ?, ?, ?, ?, NULL)");
    sample_ = prepare("INSERT INTO samples VALUES (NULL, 1, ?, 0, ?, ?, ?, ?, ?, ?, NULL)");
    token_ = prepare("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    metric_ = prepare("INSERT INTO sample_metrics VALUES (?, ?, ?, ?)");
  }
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;
  ~RawDatabase() {
    for (auto* statement : {example_, sample_, token_, metric_}) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }

  void put(const std::vector<storage::SampleRecord>& batch, const std::vector<Texts>& texts) {
    run("BEGIN IMMEDIATE");
    for (std::size_t i = 0; i < batch.size(); ++i) put(batch[i], texts[i]);
    run("COMMIT");
  }

 private:
  void put(const storage::SampleRecord& sample, const Texts& texts) {
    insert(example_,
           {sample.example_id, sample.example_id, sample.source, sample.prefix, texts.references});
    const auto example = sqlite3_last_insert_rowid(database_);
    insert(sample_, {static_cast<std::int64_t>(sample.example_index), std::int64_t{example},
                     sample.output, sample.finish, sample.score, sample.seconds,
                     static_cast<std::int64_t>(sample.tokens.size())});
    const std::int64_t row = sqlite3_last_insert_rowid(database_);
    for (std::size_t i = 0; i < sample.tokens.size(); ++i) {
      const auto& token = sample.tokens[i];
      insert(token_, {row, static_cast<std::int64_t>(i), std::int64_t{token.id}, token.text,
                      token.log_probability, token.entropy, std::int64_t{token.rank},
                      texts.alternatives[i]});
    }
    std::size_t place = 0;
    for (const auto& [name, metric] : sample.metrics) {
      const Value value = metric.value ? Value(*metric.value) : Value();
      const Value statistics =
          metric.statistics.empty() ? Value() : Value(std::string_view(texts.statistics[place]));
      insert(metric_, {row, name, value, statistics});
      ++place;
    }
  }

  void insert(sqlite3_stmt* statement, std::initializer_list<Value> values) {
    int place = 0;
    for (const Value& value : values) bind(statement, ++place, value);
    if (sqlite3_step(statement) != SQLITE_DONE) check(sqlite3_errcode(database_));
    sqlite3_reset(statement);
  }
  void bind(sqlite3_stmt* statement, int place, const Value& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      check(sqlite3_bind_int64(statement, place, *integer));
    } else if (const auto* real = std::get_if<double>(&value)) {
      check(sqlite3_bind_double(statement, place, *real));
    } else if (const auto* text = std::get_if<std::string_view>(&value)) {
      check(sqlite3_bind_text(statement, place, text->data(), static_cast<int>(text->size()),
                              SQLITE_STATIC));
    } else {
      check(sqlite3_bind_null(statement, place));
    }
  }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    return statement;
  }
  void run(const char* sql) { check(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr)); }
  void check(int code) {
    if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(database_));
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* example_ = nullptr;
  sqlite3_stmt* sample_ = nullptr;
  sqlite3_stmt* token_ = nullptr;
  sqlite3_stmt* metric_ = nullptr;
};

void insert_samples(benchmark::State& state) {
  const tests::TemporaryFolder folder;
  auto store = make_database(folder / "ours.db");
  make_database(folder / "raw.db");
  RawDatabase raw(folder / "raw.db");
  Pair pair;
  std::uint64_t next = 0;
  for (auto _ : state) {
    const auto batch = make_batch(next);
    const auto texts = texts_of(batch);
    next += kBatch;
    pair.ours += seconds_of([&] { store.put_samples("trial", batch); });
    pair.reference += seconds_of([&] { raw.put(batch, texts); });
  }
  const auto samples = static_cast<double>(next);
  report_rate(state, "samples/s", samples, pair.ours);
  report_pair(state, "SQLite's C interface", "tokens/s", samples * kTokens, pair);
}

BENCHMARK(insert_samples)->Name("store samples of 32 tokens")->UseRealTime();

}  // namespace
}  // namespace trellis::bench

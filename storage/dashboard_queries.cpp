/// The part of Reader that the dashboard asks: lists of whole trials, and a person's own SQL.
#include <sqlite3.h>

#include <memory>

#include "core/error.hpp"
#include "core/text/unicode.hpp"
#include "storage/reader_implementation.hpp"

namespace trellis::storage {
namespace {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using OwnStatement = std::unique_ptr<sqlite3_stmt, Finalize>;

/// Only what reads: no PRAGMA, ATTACH, transaction or write, whatever the connection allows.
int allow_reading(void*, int action, const char*, const char*, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

/// Reading only, for as long as it lives.
class ReadingOnly {
 public:
  explicit ReadingOnly(sqlite3* database) : database_(database) {
    sqlite3_set_authorizer(database_, allow_reading, nullptr);
  }
  ReadingOnly(const ReadingOnly&) = delete;
  ReadingOnly& operator=(const ReadingOnly&) = delete;
  ~ReadingOnly() { sqlite3_set_authorizer(database_, nullptr, nullptr); }

 private:
  sqlite3* database_;
};

/// Ends statements once `cancelled` says so, for as long as it lives. Unlike sqlite3_interrupt it
/// cannot come before the statement that it is meant for.
class Watched {
 public:
  Watched(sqlite3* database, const std::function<bool()>& cancelled) : database_(database) {
    constexpr int kSteps = 10'000;  // of SQLite's machine, well under a millisecond
    if (!cancelled) return;
    sqlite3_progress_handler(
        database_, kSteps,
        [](void* asked) { return (*static_cast<const std::function<bool()>*>(asked))() ? 1 : 0; },
        const_cast<std::function<bool()>*>(&cancelled));
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  ~Watched() { sqlite3_progress_handler(database_, 0, nullptr, nullptr); }

 private:
  sqlite3* database_;
};

/// A query about the samples of a trial: of all, or of those of a key above a bound. All are found
/// by the trial's index, few new ones among all by their keys: the plus keeps an index from being
/// used. Connections keep statements by their text, so it must live on.
class OfTrial {
 public:
  OfTrial(const std::string& select, const std::string& order)
      : all_(select + " WHERE samples.trial = ? AND +samples.sample > ? " + order),
        newer_(select + " WHERE +samples.trial = ? AND samples.sample > ? " + order) {}

  const std::string& above(std::int64_t key) const { return key > 0 ? newer_ : all_; }

 private:
  std::string all_;
  std::string newer_;
};

/// Whether nothing follows but white space, semicolons and comments: SQLite itself says so.
bool is_blank(sqlite3* database, const char* sql) {
  while (*sql != '\0') {
    sqlite3_stmt* next = nullptr;
    const char* rest = sql;
    const int code = sqlite3_prepare_v2(database, sql, -1, &next, &rest);
    const OwnStatement owner(next);
    if (code != SQLITE_OK || next != nullptr) return false;
    if (rest == sql) return true;
    sql = rest;
  }
  return true;
}

OwnStatement prepare(sqlite3* database, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, &rest);
  OwnStatement owner(statement);
  if (code == SQLITE_AUTH) {
    throw Error(Fault::usage, "SQL: only SELECT is allowed here; the database is not changed");
  }
  if (code != SQLITE_OK) {
    throw Error(Fault::usage, std::string("SQL: ") + sqlite3_errmsg(database));
  }
  if (!owner) throw Error(Fault::usage, "SQL: there is no statement; write a SELECT");
  if (!is_blank(database, rest)) {
    throw Error(Fault::usage, "SQL: this is more than one statement; ask them one by one");
  }
  return owner;
}

void read_row(sqlite3_stmt* statement, QueryTable& table) {
  std::vector<std::optional<std::string>> row;
  for (int column = 0; column < static_cast<int>(table.columns.size()); ++column) {
    const int type = sqlite3_column_type(statement, column);
    if (type == SQLITE_NULL) {
      row.emplace_back(std::nullopt);
      continue;
    }
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) table.numeric[column] = false;
    if (type == SQLITE_BLOB) {
      row.emplace_back(std::to_string(sqlite3_column_bytes(statement, column)) + " bytes");
      continue;
    }
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
    row.emplace_back(text::replace_invalid_utf8({bytes, size}));
  }
  table.rows.push_back(std::move(row));
}

}  // namespace

std::int64_t Reader::data_version() {
  return rows_of(
             implementation_->connection, "PRAGMA data_version", [](Query&) {},
             [](const Query& query) { return query.integer_at(0); })
      .front();
}

std::vector<SampleRow> Reader::sample_rows(const std::string& trial, std::int64_t after) {
  static const OfTrial statement(
      "SELECT example_index, sample_index, output, finish, token_count, sample FROM samples",
      "ORDER BY example_index, sample_index");
  return rows_of(
      implementation_->connection, statement.above(after),
      [&](Query& query) { query.integer(implementation_->trial_key(trial)).integer(after); },
      [](const Query& query) {
        return SampleRow{
            query.integer_at(5), query.count_at(0), static_cast<std::uint32_t>(query.integer_at(1)),
            query.text_at(2),    query.text_at(3),  query.count_at(4)};
      });
}

std::vector<SampleValueRow> Reader::sample_values(const std::string& trial, std::int64_t after) {
  std::int64_t sample = -1;
  std::uint64_t row = 0;
  static const OfTrial statement(
      "SELECT samples.sample, metric, value FROM samples LEFT JOIN sample_metrics "
      "ON sample_metrics.sample = samples.sample",
      "ORDER BY example_index, sample_index");
  return rows_of(
      implementation_->connection, statement.above(after),
      [&](Query& query) { query.integer(implementation_->trial_key(trial)).integer(after); },
      [&](const Query& query) {
        if (sample != -1 && query.integer_at(0) != sample) ++row;
        sample = query.integer_at(0);
        return SampleValueRow{row, query.text_at(1), query.real_at(2)};
      });
}

std::vector<ExampleRow> Reader::example_rows(const std::string& trial, std::int64_t after) {
  static const OfTrial statement(
      "SELECT example_index, example_id, source, prefix, reference_list FROM samples "
      "JOIN examples ON examples.example = samples.example",
      "GROUP BY example_index ORDER BY example_index");
  return rows_of(
      implementation_->connection, statement.above(after),
      [&](Query& query) { query.integer(implementation_->trial_key(trial)).integer(after); },
      [](const Query& query) {
        return ExampleRow{query.count_at(0), query.text_at(1), query.text_at(2), query.text_at(3),
                          query.json_at(4).get<std::vector<std::string>>()};
      });
}

QueryTable Reader::ask(const std::string& sql, std::size_t limit,
                       const std::function<bool()>& cancelled) {
  auto* database = implementation_->connection.database().getHandle();
  const ReadingOnly reading(database);
  const Watched watched(database, cancelled);
  const auto statement = prepare(database, sql);
  QueryTable table;
  const int columns = sqlite3_column_count(statement.get());
  for (int column = 0; column < columns; ++column) {
    table.columns.emplace_back(sqlite3_column_name(statement.get(), column));
  }
  table.numeric.assign(table.columns.size(), true);
  int code = SQLITE_DONE;
  while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
    if (table.rows.size() == limit) {
      table.cut = true;
      return table;
    }
    read_row(statement.get(), table);
  }
  if (code == SQLITE_INTERRUPT) throw Error(Fault::cancelled, "SQL: the query was stopped");
  if (code != SQLITE_DONE) {
    throw Error(Fault::usage, std::string("SQL: ") + sqlite3_errmsg(database));
  }
  return table;
}

}  // namespace trellis::storage

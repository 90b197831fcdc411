#include "storage/connection.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <system_error>

#include "core/error.hpp"
#include "core/text/json.hpp"
#include "storage/migrations.hpp"

namespace trellis::storage {
namespace {

constexpr int busy_milliseconds = 10'000;
constexpr int busy_step_milliseconds = 50;

std::string not_ours(const std::filesystem::path& path) {
  return path.string() + ": is not a database of Trellis";
}

/// SQLite would say "unable to open database file" to most of these.
void check_file(const std::filesystem::path& path, Access access) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::is_directory(status)) {
    throw Error(Fault::usage, path.string() + ": is a folder; name a database file");
  }
  if (!std::filesystem::exists(status)) {
    if (access == Access::write) return;
    throw Error(Fault::missing, path.string() + ": no such database; `trellis run` makes one");
  }
  // The file is never opened here: closing it again would drop the locks that SQLite holds on it
  // for this process, and another program could then take away the write-ahead log in use.
  if (::access(path.c_str(), R_OK) != 0) {
    throw Error(Fault::environment, path.string() + ": cannot be read; give read permission");
  }
  if (access == Access::read && std::filesystem::file_size(path, ignored) == 0) {
    throw Error(Fault::bad_data, not_ours(path));
  }
  if (access == Access::write && ::access(path.c_str(), W_OK) != 0) {
    throw Error(Fault::environment, path.string() +
                                        ": is read-only; give write permission or name another "
                                        "database");
  }
}

std::string location(const std::filesystem::path& path, Access access) {
  // A name as URI must have these bytes escaped.
  std::string uri = "file:";
  for (const char byte : std::filesystem::absolute(path).string()) {
    if (byte == '%' || byte == '?' || byte == '#') {
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned char>(byte));
      uri += escaped;
    } else {
      uri += byte;
    }
  }
  // A WAL database needs a file for shared memory beside it. Where none can be made, nobody writes.
  if (access == Access::read &&
      ::access(path.parent_path().empty() ? "." : path.parent_path().c_str(), W_OK) != 0 &&
      !std::filesystem::exists(path.string() + "-wal")) {
    uri += "?immutable=1";
  }
  return uri;
}

SQLite::Database open_database(const std::filesystem::path& path, Access access) {
  check_file(path, access);
  const int flags =
      SQLite::OPEN_URI | (access == Access::write ? SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE
                                                  : SQLite::OPEN_READONLY);
  try {
    return SQLite::Database(location(path, access), flags, busy_milliseconds);
  } catch (const SQLite::Exception& exception) {
    throw Error(Fault::environment,
                path.string() + ": cannot be opened (" + exception.what() + ")");
  }
}

}  // namespace

Query::~Query() {
  statement_->tryReset();
  // Bound texts may go before the statement is used again.
  statement_->clearBindings();
}

Query& Query::text(const std::string& value) {
  statement_->bindNoCopy(next_++, value);
  return *this;
}

Query& Query::text_or_null(const std::string* value) {
  return value ? text(*value) : null();
}

Query& Query::integer(std::int64_t value) {
  statement_->bind(next_++, value);
  return *this;
}

Query& Query::real(double value) {
  if (std::isnan(value)) return null();
  statement_->bind(next_++, value);
  return *this;
}

Query& Query::real(const std::optional<double>& value) {
  return value ? real(*value) : null();
}

Query& Query::blob(const void* data, int size) {
  statement_->bindNoCopy(next_++, data, size);
  return *this;
}

Query& Query::null() {
  statement_->bind(next_++);
  return *this;
}

bool Query::step() {
  return statement_->executeStep();
}

void Query::run() {
  while (statement_->executeStep()) {
  }
  statement_->reset();
  next_ = 1;
}

bool Query::is_null(int column) const {
  return statement_->getColumn(column).isNull();
}

std::string Query::text_at(int column) const {
  return statement_->getColumn(column).getString();
}

std::int64_t Query::integer_at(int column) const {
  return statement_->getColumn(column).getInt64();
}

double Query::real_at(int column) const {
  return optional_real_at(column).value_or(std::numeric_limits<double>::quiet_NaN());
}

std::optional<double> Query::optional_real_at(int column) const {
  const auto value = statement_->getColumn(column);
  if (value.isNull()) return std::nullopt;
  return value.getDouble();
}

nlohmann::json Query::json_at(int column) const {
  const auto value = statement_->getColumn(column);
  if (value.isNull()) return nullptr;
  try {
    return nlohmann::json::parse(value.getString());
  } catch (const nlohmann::json::exception&) {
    throw Error(Fault::bad_data, std::string("the database holds malformed JSON in column ") +
                                     value.getName() + "; `trellis db check` tells more");
  }
}

Connection::Connection(const std::filesystem::path& path, Access access)
    : path_(path), database_(open_database(path, access)) {
  guarded([&] {
    check_identity();
    if (access == Access::read) return;
    database_.exec("PRAGMA foreign_keys = ON");
    database_.exec("PRAGMA temp_store = MEMORY");
    // With a write-ahead log this survives a killed process; only a power cut may take the last
    // commits, never the database.
    database_.exec("PRAGMA synchronous = NORMAL");
    migrate();
  });
}

void Connection::check_identity() {
  const auto found = database_.execAndGet("PRAGMA application_id").getInt();
  version_ = database_.execAndGet("PRAGMA user_version").getInt();
  const auto newest = static_cast<std::int32_t>(migrations().size());
  const bool empty = database_.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
  if (found != application_id && !(found == 0 && version_ == 0 && empty)) {
    throw Error(Fault::bad_data, path_.string() + ": is a database of another program");
  }
  if (version_ > newest) {
    throw Error(Fault::bad_data, path_.string() + ": has schema " + std::to_string(version_) +
                                     ", newer than this trellis knows (" + std::to_string(newest) +
                                     "); use a newer trellis");
  }
}

void Connection::migrate() {
  const auto all = migrations();
  if (version_ == static_cast<std::int32_t>(all.size())) return;
  if (version_ == 0) use_write_ahead_log();
  transaction([&] {
    for (auto next = static_cast<std::size_t>(version_); next < all.size(); ++next) {
      database_.exec(std::string(all[next]));
    }
    database_.exec("PRAGMA application_id = " + std::to_string(application_id));
    database_.exec("PRAGMA user_version = " + std::to_string(all.size()));
  });
  version_ = static_cast<std::int32_t>(all.size());
}

// SQLite waits for locks in every statement but this one.
void Connection::use_write_ahead_log() {
  for (int waited = 0;; waited += busy_step_milliseconds) {
    try {
      database_.execAndGet("PRAGMA journal_mode = WAL");
      return;
    } catch (const SQLite::Exception& exception) {
      if (exception.getErrorCode() != SQLITE_BUSY || waited >= busy_milliseconds) throw;
    }
    sqlite3_sleep(busy_step_milliseconds);
    check_identity();  // Who held the lock may have made it a database of its own.
  }
}

Query Connection::query(std::string_view sql) {
  auto& statement = statements_[sql];
  if (!statement) statement = std::make_unique<SQLite::Statement>(database_, std::string(sql));
  return Query(*statement);
}

void Connection::transaction(const std::function<void()>& work) {
  guarded([&] {
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    work();
    transaction.commit();
  });
}

void Connection::guarded(const std::function<void()>& work) const {
  try {
    work();
  } catch (const SQLite::Exception& exception) {
    raise(exception);
  }
}

void Connection::raise(const SQLite::Exception& exception) const {
  const auto name = path_.string();
  const auto reason = std::string(" (SQLite: ") + exception.what() + ")";
  switch (exception.getErrorCode()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(Fault::busy, name +
                                   ": another program keeps it locked; end its transaction (an "
                                   "open sqlite3 session?) and try again");
    case SQLITE_FULL:
      throw Error(Fault::environment,
                  name +
                      ": no room left on the disk; free some and run again, what was stored is "
                      "kept");
    case SQLITE_IOERR:
      throw Error(Fault::environment,
                  name + ": cannot be read or written; look at the disk" + reason);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      throw Error(
          Fault::environment,
          name + ": cannot be written; give write permission to it and its folder" + reason);
    case SQLITE_INTERRUPT:
      throw Error(Fault::cancelled, name + ": the query was stopped");
    case SQLITE_NOTADB:
      throw Error(Fault::bad_data, not_ours(path_));
    case SQLITE_CORRUPT:
      throw Error(Fault::bad_data,
                  name + ": is damaged or truncated; take a backup, or move it away and run again" +
                      reason);
    default:
      throw Error(Fault::bad_data, name + ": " + exception.what());
  }
}

std::string to_text(const nlohmann::json& value) {
  return write_json(value);
}

}  // namespace trellis::storage

/// One open database: checks of the file, pragmas, migrations, prepared statements, and SQLite's
/// errors as one clear line. Only for the files of this folder.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace trellis::storage {

/// "TRLS": tells a database of Trellis from any other.
constexpr std::int32_t application_id = 0x54524c53;

/// A prepared statement in use: binds from left to right; reset when it goes. Texts are not
/// copied and must outlive it.
class Query {
 public:
  explicit Query(SQLite::Statement& statement) : statement_(&statement) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  Query& text(const std::string& value);
  Query& text_or_null(const std::string* value);
  Query& integer(std::int64_t value);
  /// SQLite's integers are signed: values above 2^63 - 1 are kept as their two's complement.
  Query& count(std::uint64_t value) { return integer(static_cast<std::int64_t>(value)); }
  /// Not-a-number becomes NULL, as SQLite has it.
  Query& real(double value);
  Query& real(const std::optional<double>& value);
  Query& blob(const void* data, int size);
  Query& null();

  bool step();  ///< whether there is a row
  void run();   ///< to the end; ready to be bound again

  bool is_null(int column) const;
  std::string text_at(int column) const;
  std::int64_t integer_at(int column) const;
  std::uint64_t count_at(int column) const {
    return static_cast<std::uint64_t>(integer_at(column));
  }
  double real_at(int column) const;  ///< not-a-number for NULL
  std::optional<double> optional_real_at(int column) const;
  /// Null for NULL. Throws Error(bad_data) for malformed JSON.
  nlohmann::json json_at(int column) const;

 private:
  SQLite::Statement* statement_;
  int next_ = 1;
};

enum class Access { read, write };

class Connection {
 public:
  /// Checks that the file is a whole database of Trellis. `write` creates a missing or empty file
  /// and migrates an older schema. The writer's lock is the caller's business.
  Connection(const std::filesystem::path& path, Access access);

  /// The statement is compiled once and kept; `sql` must live as long (a literal). Not to be used
  /// twice at the same time.
  Query query(std::string_view sql);
  /// Runs `work` in one transaction; rolls back on any exception. SQLite's exceptions become Error.
  void transaction(const std::function<void()>& work);
  /// Runs `work`, translating SQLite's exceptions to Error.
  void guarded(const std::function<void()>& work) const;

  std::int32_t version() const { return version_; }
  SQLite::Database& database() { return database_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void check_identity();
  void migrate();
  void use_write_ahead_log();
  [[noreturn]] void raise(const SQLite::Exception& exception) const;

  std::filesystem::path path_;
  SQLite::Database database_;
  std::int32_t version_ = 0;
  std::unordered_map<std::string_view, std::unique_ptr<SQLite::Statement>> statements_;
};

/// Compact JSON; bytes that are no UTF-8 become U+FFFD.
std::string to_text(const nlohmann::json& value);

}  // namespace trellis::storage

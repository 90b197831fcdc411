/// What Reader holds; shared by the files that read.
#pragma once

#include "storage/connection.hpp"
#include "storage/queries.hpp"

namespace trellis::storage {

struct Reader::Implementation {
  explicit Implementation(const std::filesystem::path& path) : connection(path, Access::read) {}

  /// Throws Error(usage) for an unknown trial.
  std::int64_t trial_key(const std::string& trial);

  Connection connection;
};

/// Every row of a query as `read` sees it; `bind` gives the query its values.
template <typename Bind, typename Read>
auto rows_of(Connection& connection, std::string_view sql, Bind&& bind, Read&& read) {
  std::vector<std::decay_t<std::invoke_result_t<Read&, const Query&>>> rows;
  connection.guarded([&] {
    auto query = connection.query(sql);
    bind(query);
    while (query.step()) rows.push_back(read(query));
  });
  return rows;
}

}  // namespace trellis::storage

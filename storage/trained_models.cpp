#include "storage/trained_models.hpp"

#include "storage/reader_implementation.hpp"

namespace trellis::storage {

std::vector<ModelRecord> trained_models(const std::filesystem::path& database) {
  Connection connection(database, Access::read);
  if (connection.version() == 0) return {};  // what made it was stopped before it had a schema
  return rows_of(
      connection,
      "SELECT model, label, plugin, plugin_version, settings, task_label, seed FROM models "
      "WHERE ready IS NOT NULL ORDER BY ready, model",
      [](Query&) {},
      [](const Query& query) {
        return ModelRecord{query.text_at(0), query.text_at(1), query.text_at(2), query.text_at(3),
                           query.json_at(4), query.text_at(5), query.count_at(6)};
      });
}

}  // namespace trellis::storage

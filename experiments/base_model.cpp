#include "experiments/base_model.hpp"

#include <algorithm>

#include "storage/trained_models.hpp"

namespace trellis::experiments {
namespace {

constexpr std::size_t kLeastOfId = 6;  // characters, or every "a" and "dead" would be an id

bool is_meant(const KnownModel& model, const std::string& name) {
  return model.label == name || (name.size() >= kLeastOfId && model.id.starts_with(name));
}

// Keeps those that `wanted` says, unless these are none.
template <typename Wanted>
void prefer(KnownModels& models, const Wanted& wanted) {
  KnownModels kept;
  std::copy_if(models.begin(), models.end(), std::back_inserter(kept), wanted);
  if (!kept.empty()) models = std::move(kept);
}

}  // namespace

KnownModels models_of_database(const std::filesystem::path& database,
                               const std::filesystem::path& models_folder) {
  KnownModels models;
  if (!std::filesystem::exists(database)) return models;
  for (const auto& record : storage::trained_models(database)) {
    const auto folder = models_folder / record.id;
    if (!std::filesystem::exists(folder)) continue;
    models.push_back({record.id, record.label, record.task_label, record.seed, folder});
  }
  return models;
}

KnownModels meant_by_name(const KnownModels& models, const std::string& name,
                          const std::string& task_label, std::uint64_t seed) {
  KnownModels meant;
  for (const auto& model : models) {
    if (is_meant(model, name)) meant.push_back(model);
  }
  prefer(meant, [&](const auto& model) { return model.task_label == task_label; });
  prefer(meant, [&](const auto& model) { return model.seed == seed; });
  return meant;
}

}  // namespace trellis::experiments

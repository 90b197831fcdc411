/// Models that training begins at, by name: the label of a model above in the same config, or the
/// label or id of one that an earlier run trained beside the same database.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace trellis::experiments {

/// A model that may be begun at.
struct KnownModel {
  std::string id;
  std::string label;
  std::string task_label;  ///< that it was trained on; empty for given weights
  std::uint64_t seed = 0;  ///< 0 for given weights
  std::filesystem::path folder;
  bool given = false;     ///< its weights were given
  std::size_t place = 0;  ///< among the models of a plan
};

/// Those that earlier runs have trained, the latest last.
using KnownModels = std::vector<KnownModel>;

/// Models of the database whose folders are there. None when there is no database yet.
KnownModels models_of_database(const std::filesystem::path& database,
                               const std::filesystem::path& models_folder);

/// Those that `name` means for a model that is trained on `task_label` with `seed`: where some were
/// trained on the same task, these alone, and then likewise with the same seed.
KnownModels meant_by_name(const KnownModels& models, const std::string& name,
                          const std::string& task_label, std::uint64_t seed);

}  // namespace trellis::experiments

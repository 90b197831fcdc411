/// A loaded task: trellis/abi/task.h with ownership, exceptions and checked JSON.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/metric.hpp"
#include "core/plugin/registry.hpp"
#include "trellis/abi/task.h"

namespace trellis::plugin {

struct Example {
  std::string id;
  std::string source;
  std::string prefix;
  std::vector<std::string> references;
  bool reference_ends = true;  ///< false: the text goes on after the first reference
  std::vector<std::string> stop;
  std::size_t max_new_tokens = 0;  ///< 0: the task does not say
  nlohmann::json fields;           ///< object or null
};

struct Output {
  std::string text;
  std::string finish;               ///< "eos", "stop", "length" or "strategy"
  std::vector<std::string> tokens;  ///< texts of the generated tokens
};

struct Scores {
  std::map<std::string, metrics::SampleValue, std::less<>> metrics;
  nlohmann::json details;  ///< null when there are none
};

struct TaskMetric {
  std::string name;
  std::string summary;
  bool higher_is_better = true;
};

class Task {
 public:
  static Task create(Registry& registry, std::string_view id, const nlohmann::json& settings);
  /// Takes one made elsewhere (tests). Owns it.
  Task(trellis_task* task, const nlohmann::json& description);

  std::uint64_t count(trellis_split split);
  /// Throws Error(plugin) when the example's JSON is not as the ABI says.
  Example example(trellis_split split, std::uint64_t index);
  /// One answer a sample, in order.
  std::vector<Scores> score(std::span<const Example> examples, std::span<const Output> outputs);

  const std::vector<TaskMetric>& metrics() const { return metrics_; }
  bool likelihood() const { return likelihood_; }

 private:
  struct Destroy {
    void operator()(trellis_task* task) const { task->destroy(task); }
  };
  std::unique_ptr<trellis_task, Destroy> task_;
  std::vector<TaskMetric> metrics_;
  bool likelihood_ = false;
};

}  // namespace trellis::plugin

/// A loaded task: trellis/abi/task.h with ownership, exceptions and checked JSON.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
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

/// One turn of a conversation.
struct Turn {
  std::string text;
  std::string finish;      ///< as an output's
  std::size_t tokens = 0;  ///< how many of the output's tokens are its own
};

/// The key of the turns in a stored sample's details, where they are as trellis/abi/task.h has
/// them.
inline constexpr const char* kTurnsDetail = "turns";

nlohmann::json turns_to_json(std::span<const Turn> turns);
/// None where the sample is no conversation, whatever its task may have put under that key.
std::vector<Turn> turns_of_details(const nlohmann::json& details);

struct Output {
  std::string text;
  std::string finish;               ///< "eos", "stop", "length" or "strategy"
  std::vector<std::string> tokens;  ///< texts of the generated tokens
  std::vector<Turn> turns = {};     ///< of a conversation; else empty
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

  /// Whether its samples are conversations.
  bool has_turns() const { return turns_ != nullptr; }
  /// What the model is asked after these turns, at least one: the example with another source,
  /// prefix, stop and max_new_tokens. Nothing where the conversation is over. The task has turns.
  std::optional<Example> next_turn(const Example& example, std::span<const Turn> turns);

  const std::vector<TaskMetric>& metrics() const { return metrics_; }
  bool likelihood() const { return likelihood_; }

 private:
  struct Destroy {
    void operator()(trellis_task* task) const { task->destroy(task); }
  };
  std::unique_ptr<trellis_task, Destroy> task_;
  const trellis_task_turns* turns_ = nullptr;
  std::vector<TaskMetric> metrics_;
  bool likelihood_ = false;
};

}  // namespace trellis::plugin

/// A temporary folder and a small experiment, for the tests of storage and reports.
#pragma once

#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/store.hpp"

namespace trellis::testing {

/// Removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto pattern = (std::filesystem::temp_directory_path() / "trellis-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline storage::Clock fixed_clock() {
  return [] { return std::string("2024-05-06T07:08:09.000Z"); };
}

inline storage::ExperimentRecord experiment_record(const std::string& name = "small") {
  return {name, "small.toml", "name = \"small\"\n", 7, {{"cpu", "test"}, {"commit", "abc"}}};
}

inline storage::ModelRecord model_record(const std::string& id) {
  return {id, "label-" + id, "rnn", "1.0", {{"cell", "lstm"}}, "copy", 7};
}

/// Its metrics are unknown to core/metrics, so they are means; `quality` is the main one.
inline storage::TaskRecord task_record(const std::string& id = "task1") {
  return {id,
          "copy",
          "translation",
          "1.0",
          {{"file", "test.jsonl"}},
          {{{"name", "quality"}, {"summary", "share right"}, {"higher_is_better", true}},
           {{"name", "slips"}, {"summary", "slips a sample"}, {"higher_is_better", false}}},
          "datahash",
          4};
}

inline storage::TrialRecord trial_record(const std::string& id, const std::string& model,
                                         const std::string& strategy,
                                         std::uint64_t expected_samples) {
  return {id, model, "task1", strategy, "sampling", {{"top_p", 0.9}}, 7, expected_samples};
}

inline storage::SampleRecord sample_record(std::uint64_t example, double quality,
                                           const std::string& output = "out") {
  storage::SampleRecord sample;
  sample.example_index = example;
  sample.example_id = "test-" + std::to_string(example);
  sample.source = "source " + std::to_string(example);
  sample.output = output;
  sample.references = {"reference " + std::to_string(example)};
  sample.finish = "eos";
  sample.score = -1.5;
  sample.seconds = 0.25;
  // log(1/2) nats: probability one half.
  using nlohmann::json;
  const auto alternatives =
      json::array({json::array({"o", std::log(0.5)}), json::array({"x", std::log(0.25)})});
  sample.tokens = {{5, "o", std::log(0.5), 1.0, 1, alternatives},
                   {6, "ut", std::log(0.125), 2.0, 3, nullptr}};
  sample.metrics["quality"] = {quality, {}};
  sample.metrics["slips"] = {1 - quality, {}};
  return sample;
}

}  // namespace trellis::testing

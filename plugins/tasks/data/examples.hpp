/// The examples of a task: files of records, read on first use, checked, and given an id.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plugins/tasks/data/prompt.hpp"
#include "trellis/abi/task.h"
#include "trellis/sdk/plugin.hpp"

namespace trellis::tasks {

const char* split_name(trellis_split split);

/// One JSON object of a file, with its place for messages. Borrows the record.
class Record {
 public:
  Record(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  bool has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  /// Throws Failure(bad_data) "file:line:1: ..." when the key is missing or of another type.
  std::string text(const char* key) const;
  std::vector<std::string> texts(const char* key) const;
  /// A text, a number or nothing: ids are either.
  std::string id() const;
  const Json& json() const { return json_; }
  [[noreturn]] void fail(const std::string& why) const;

 private:
  const Json& json_;
  std::string place_;
};

/// Examples as trellis/abi/task.h has them; "id" may be missing.
using Convert = std::function<std::vector<Json>(const Record& record, trellis_split split)>;

/// Reads JSON Lines (.jsonl, .jsonl.gz) through `convert`. Throws Failure(bad_data).
std::vector<Json> read_json_lines(const std::string& path, trellis_split split,
                                  const Convert& convert);

/// Reads one text file of sentences and another of their references, line by line. Both must have
/// the same number of lines.
std::vector<Json> read_parallel(const std::string& sources, const std::string& references);

/// The settings that all tasks share; a task derives its own from it.
struct DataOptions {
  std::string train, valid, test;
  std::vector<std::string> train_also;
  std::vector<Json> train_weights;
  std::vector<std::string> train_where;
  std::string prompt;
  std::vector<std::string> where;
  std::int64_t shots = 0;
  std::string shots_file;
  std::vector<std::string> stop;
  std::int64_t max_new_tokens = 64;
};

/// Declares those that training depends on; a task's own of that kind follow.
template <typename Options>
void declare_data(sdk::Settings<Options>& settings) {
  settings.group("data")
      .path("train", &Options::train, "Training examples.")
      .paths("train_also", &Options::train_also, "More files of training examples.")
      .list("train_weights", &Options::train_weights,
            "How often the examples of `train` and of each of `train_also` are learned in an "
            "epoch; once by default.")
      .strings("train_where", &Options::train_where,
               "Only training and validation examples with these values: field=value.")
      .path("valid", &Options::valid, "Validation examples.")
      .string("prompt", &Options::prompt,
              "Template of what a model is shown, with {fields} and {target}; by default the "
              "example as it is.");
}

/// Declares those that only evaluation depends on; a task's own of that kind follow.
template <typename Options>
void declare_evaluation(sdk::Settings<Options>& settings, const char* test) {
  settings.group("evaluation")
      .path("test", &Options::test, test)
      .strings("where", &Options::where, "Only test examples with these values: field=value.")
      .integer("shots", &Options::shots, {.at_least = 0, .at_most = 1000},
               "Solved examples shown before each test example.")
      .path("shots_file", &Options::shots_file,
            "Where they are from; by default the training data.")
      .strings("stop", &Options::stop, "Texts at which the output ends.")
      .integer("max_new_tokens", &Options::max_new_tokens, {.at_least = 1},
               "Longest output in tokens, unless the experiment says otherwise.");
}

/// The splits of a task, as the task's `read` gives them, and then as `DataOptions` want them: a
/// subset, with solved examples before each, as a prompt. Under the key "shown" `read` may put
/// fields that are for templates only.
class Examples {
 public:
  using Read = std::function<std::vector<Json>(const std::string& path, trellis_split split)>;
  /// `default_prompt`: the template where examples are to be shown with solved ones and `prompt` is
  /// not given.
  Examples(const DataOptions& options, const std::string& default_prompt, Read read);

  std::uint64_t count(trellis_split split) { return load(split).size(); }
  const Json& example(trellis_split split, std::uint64_t index) { return load(split).at(index); }
  /// Another test example than those of the file, as these are shown: made a prompt, with its
  /// limits.
  Json as_test(Json example);

 private:
  const std::vector<Json>& load(trellis_split split);
  std::vector<Json> read_split(trellis_split split);
  std::vector<Json> read_file(const std::string& path, trellis_split split) const;
  std::vector<Json> read_mixture() const;
  void show(Json& example, trellis_split split);
  const std::string& solved_examples(const PromptTemplate& prompt);

  DataOptions options_;
  std::optional<PromptTemplate> training_prompt_;
  std::optional<PromptTemplate> test_prompt_;
  std::optional<std::string> shots_;  // once they were needed
  Read read_;
  std::map<trellis_split, std::vector<Json>> loaded_;
};

/// {"source", "references"} of a record in the common form: key `source`, and `references` (a list)
/// or `target` or `reference` (a text). Fields that are neither are kept in "fields".
Json common_example(const Record& record);

/// Copies all keys of the record but the `used` ones to the example's "fields".
void keep_fields(const Record& record, const std::set<std::string>& used, Json& example);

}  // namespace trellis::tasks

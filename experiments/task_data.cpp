#include "experiments/task_data.hpp"

#include <algorithm>
#include <unordered_set>

#include "core/text/unicode.hpp"

namespace trellis::experiments {
namespace {

plugin::TrainingExample as_training_data(const plugin::Example& example) {
  return {example.source,
          example.prefix + (example.references.empty() ? "" : example.references.front())};
}

std::string key_of(const plugin::Example& example) {
  const auto pair = as_training_data(example);
  std::string key(text::strip(pair.source));
  key += '\0';
  key += text::strip(pair.target);
  return key;
}

}  // namespace

TaskFacts survey(plugin::Task& task) {
  TaskFacts facts{task.count(TRELLIS_SPLIT_TRAIN),
                  task.count(TRELLIS_SPLIT_VALID),
                  task.count(TRELLIS_SPLIT_TEST),
                  {},
                  {}};
  std::unordered_set<std::string> test_keys;
  for (std::uint64_t i = 0; i < facts.test; ++i) {
    test_keys.insert(key_of(task.example(TRELLIS_SPLIT_TEST, i)));
  }
  std::unordered_set<std::string> seen;
  for (const auto split : {TRELLIS_SPLIT_TRAIN, TRELLIS_SPLIT_VALID}) {
    const auto count = split == TRELLIS_SPLIT_TRAIN ? facts.train : facts.valid;
    for (std::uint64_t i = 0; i < count; ++i) {
      auto key = key_of(task.example(split, i));
      if (test_keys.contains(key)) seen.insert(std::move(key));
    }
  }
  for (std::uint64_t i = 0; i < facts.test && !seen.empty(); ++i) {
    const auto example = task.example(TRELLIS_SPLIT_TEST, i);
    if (seen.contains(key_of(example))) facts.contaminated.push_back(example.id);
  }
  return facts;
}

std::vector<plugin::TrainingExample> training_examples(plugin::Task& task, trellis_split split) {
  std::vector<plugin::TrainingExample> examples;
  const auto count = task.count(split);
  examples.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    auto example = as_training_data(task.example(split, i));
    if (!example.target.empty()) examples.push_back(std::move(example));
  }
  return examples;
}

std::vector<plugin::Example> test_examples(plugin::Task& task, std::uint64_t limit) {
  auto count = task.count(TRELLIS_SPLIT_TEST);
  if (limit > 0) count = std::min(count, limit);
  std::vector<plugin::Example> examples;
  examples.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) examples.push_back(task.example(TRELLIS_SPLIT_TEST, i));
  return examples;
}

}  // namespace trellis::experiments

#include "experiments/task_data.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "experiments/contamination.hpp"

namespace trellis::experiments {
namespace {

// Of a prompt made by a template only the answer is learned; of a text that goes on, all.
plugin::TrainingExample as_training_data(const plugin::Example& example) {
  const bool prompted = example.fields.is_object() && example.fields.value("prompted", false);
  return {example.source,
          example.prefix + (example.references.empty() ? "" : example.references.front()),
          prompted ? example.prefix.size() : 0};
}

}  // namespace

TaskFacts survey(plugin::Task& task, const SurveyJob& job) {
  TaskFacts facts;
  facts.train = task.count(TRELLIS_SPLIT_TRAIN);
  facts.valid = task.count(TRELLIS_SPLIT_VALID);
  facts.test = task.count(TRELLIS_SPLIT_TEST);
  TestTexts test;
  std::optional<WordOverlap> overlap;
  if (job.overlap_words > 0) overlap.emplace(job.overlap_words);
  for (std::uint64_t i = 0; i < facts.test; ++i) {
    auto example = task.example(TRELLIS_SPLIT_TEST, i);
    const auto pair = as_training_data(example);
    if (overlap) overlap->add(example.id, pair.source, pair.target);
    test.add(std::move(example.id), pair.source, pair.target);
  }
  const metrics::WordGroups groups(job.groups);
  if (!job.groups.empty()) facts.word_counts = groups.none();
  for (const auto split : {TRELLIS_SPLIT_TRAIN, TRELLIS_SPLIT_VALID}) {
    const auto count = split == TRELLIS_SPLIT_TRAIN ? facts.train : facts.valid;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto pair = as_training_data(task.example(split, i));
      test.compare(pair.source, pair.target);
      if (overlap) {
        overlap->compare(pair.source);
        overlap->compare(pair.target);
      }
      if (split == TRELLIS_SPLIT_TRAIN && !job.groups.empty()) {
        groups.count(std::string_view(pair.target).substr(pair.given), facts.word_counts);
      }
    }
  }
  facts.contaminated = test.seen();
  if (overlap) {
    facts.overlaps = overlap->found();
    facts.comparable = overlap->comparable();
  }
  return facts;
}

std::vector<plugin::TrainingExample> training_examples(plugin::Task& task, trellis_split split) {
  std::vector<plugin::TrainingExample> examples;
  const auto count = task.count(split);
  examples.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    auto example = as_training_data(task.example(split, i));
    if (example.target.size() > example.given) examples.push_back(std::move(example));
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

/// What the host asks of a task's data.
#pragma once

#include <vector>

#include "core/plugin/model.hpp"
#include "core/plugin/task.hpp"
#include "experiments/protocol.hpp"

namespace trellis::experiments {

/// Counts the splits and finds the test examples that are in the training or validation data:
/// those that a model has seen whole, apart from white space around them, and those that share
/// job's words in a row with it. Counts its groups of words in the training data's targets.
TaskFacts survey(plugin::Task& task, const SurveyJob& job);

/// A split as training data: the model learns prefix + first reference as the target of the
/// source. Examples without a reference and without a prefix teach nothing and are left out.
std::vector<plugin::TrainingExample> training_examples(plugin::Task& task, trellis_split split);

/// The first `limit` test examples; 0 for all.
std::vector<plugin::Example> test_examples(plugin::Task& task, std::uint64_t limit);

}  // namespace trellis::experiments

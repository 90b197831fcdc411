/// What the host and its worker processes say to each other: one JSON object a line.
///
/// A worker reads one job from its standard input and writes events to descriptor 3 until the job
/// is done; its standard output and error belong to the plugins and are kept for failures.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/metrics/word_groups.hpp"
#include "experiments/word_overlap.hpp"
#include "storage/store.hpp"

namespace trellis::experiments {

inline constexpr int kEventDescriptor = 3;
inline constexpr int kSharedDescriptor = 4;  ///< memory that holds SharedWords

/// Memory that the worker writes, from any thread, and the host reads, even after the worker's
/// death.
struct SharedWords {
  std::atomic<std::uint32_t> mark;   ///< see WorkerProcess::mark()
  std::atomic<std::uint32_t> polls;  ///< how often a plugin asked whether to stop, modulo 2^32
};

struct PluginJob {
  std::string plugin;
  nlohmann::json settings;
};

/// A model that is lent to a strategy.
struct DraftJob {
  std::string plugin;  ///< empty: the one that reads what is at `path`
  std::string path;    ///< of its weights, a folder or a file; empty: none is lent
};

/// Count and check the data of tasks.
struct SurveyJob {
  std::vector<PluginJob> tasks;
  std::uint64_t overlap_words = 0;  ///< words in a row that count as contamination; 0: none do
  std::vector<metrics::WordGroup> groups;  ///< of words to be counted in the training data
};

struct TrialJob {
  std::string id;
  std::size_t task = 0;  ///< into ModelJob::tasks
  PluginJob strategy;
  std::vector<PluginJob> processors;
  DraftJob draft;
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;  ///< of noise; 0: the one that all trials share
  std::uint64_t samples = 1;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> done;  ///< (example, sample), ascending
  std::size_t place = 0;  ///< among the job's trials; filled in by the worker
};

/// Train or load one model and run its trials.
struct ModelJob {
  PluginJob model;
  std::string folder;             ///< of its weights
  bool train = false;             ///< false: load from `folder`
  std::size_t training_task = 0;  ///< into `tasks`
  std::uint64_t seed = 0;
  std::vector<PluginJob> tasks;
  std::vector<TrialJob> trials;
  bool together = true;              ///< grow one tree for all trials of a task
  bool share = true;                 ///< false: every sample grows a tree of its own
  std::uint64_t shuffle = 0;         ///< not 0: the seed of the order in which samples are begun
  std::uint64_t limit = 0;           ///< 0: all examples
  std::uint64_t max_new_tokens = 0;  ///< 0: the task's own
  std::uint64_t batch_size = 32;
  std::uint64_t state_memory = 0;  ///< bytes for the states of the model; 0: no limit
  std::uint64_t top_alternatives = 5;
};

/// Score stored samples anew.
struct ScoreJob {
  std::string database;
  PluginJob task;
  std::vector<std::string> trials;
};

struct Job {
  std::string kind;  ///< "survey", "model" or "score"
  std::vector<std::filesystem::path> plugin_folders;
  int threads = 1;
  SurveyJob survey;
  ModelJob model;
  ScoreJob score;
};

std::string to_line(const Job& job);
/// Throws Error(bad_data).
Job job_from(const std::string& line);

/// What a survey learns of one task.
struct TaskFacts {
  std::uint64_t train = 0;
  std::uint64_t valid = 0;
  std::uint64_t test = 0;
  std::vector<std::string> contaminated;  ///< ids of test examples that are training data too
  std::vector<SharedRun> overlaps;        ///< test examples that share words in a row with it
  std::uint64_t comparable = 0;           ///< test examples with as many words in a row
  metrics::GroupCounts word_counts;       ///< of the training data's targets; empty: none counted
  std::string failure;  ///< why the task cannot be used; set by the host, empty when it can
};

// Events. Every line is {"event": name, ...}; the functions below write and read what is not plain.
// What they read comes from a process where plugins' code runs: they throw
// nlohmann::json::exception for anything that no worker writes.

/// A whole event. Throws Error(plugin) for what is none.
nlohmann::json event_from(const std::string& line);
nlohmann::json facts_to_json(const TaskFacts& facts);
TaskFacts facts_from_json(const nlohmann::json& json);
nlohmann::json sample_to_json(const storage::SampleRecord& sample);
storage::SampleRecord sample_from_json(const nlohmann::json& json);
nlohmann::json totals_to_json(const storage::TrialTotals& totals);
storage::TrialTotals totals_from_json(const nlohmann::json& json);
nlohmann::json sweep_to_json(const storage::SweepTotals& totals);
storage::SweepTotals sweep_from_json(const nlohmann::json& json);

}  // namespace trellis::experiments

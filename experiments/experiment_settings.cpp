/// What [experiment] may hold: described once, as plugins describe their settings.
#include "experiments/config.hpp"
#include "trellis/sdk/settings.hpp"

namespace trellis::experiments {
namespace {

const sdk::Settings<ExperimentOptions>& schema() {
  static const auto schema =
      sdk::Settings<ExperimentOptions>()
          .string("name", &ExperimentOptions::name, "Names the experiment in the database.")
          .required()
          .integer("seed", &ExperimentOptions::seed, {.at_least = 0},
                   "Seed of training and sampling; a list runs everything once for each.")
          .integer("samples", &ExperimentOptions::samples, {.at_least = 1, .at_most = 1e6},
                   "Outputs per example; strategies without chance give one.")
          .choice("coupling", &ExperimentOptions::coupling, {"common", "independent"},
                  "Whether strategies draw the same random numbers where they look at the same "
                  "place, or each its own.")
          .integer("limit", &ExperimentOptions::limit, {.at_least = 0},
                   "Only the first so many test examples of each task; 0 for all.")
          .integer("max_new_tokens", &ExperimentOptions::max_new_tokens, {.at_least = 0},
                   "Longest output in tokens; 0 leaves it to the task.")
          .integer("batch_size", &ExperimentOptions::batch_size, {.at_least = 1, .at_most = 65536},
                   "Samples generated at once.")
          .integer("top_alternatives", &ExperimentOptions::top_alternatives,
                   {.at_least = 0, .at_most = 1000},
                   "Most probable tokens that are recorded at every position.")
          .integer("contamination_words", &ExperimentOptions::contamination_words,
                   {.at_least = 0, .at_most = 1000},
                   "Words in a row that a test example may not share with the training data "
                   "without being reported; 0 looks for none.")
          .number(
              "timeout_seconds", &ExperimentOptions::timeout_seconds, {.above = 0},
              "A worker is stopped when for this long it reports nothing and its plugin does not "
              "ask whether to stop.")
          .number("memory_gb", &ExperimentOptions::memory_gb, {.at_least = 0},
                  "Most memory of one worker; 0 for its share of nine tenths of the machine's.");
  return schema;
}

}  // namespace

const plugin::Settings& experiment_settings() {
  static const auto settings =
      plugin::parse_settings(nlohmann::json{{"settings", schema().description()}});
  return settings;
}

nlohmann::json experiment_description() {
  return schema().description();
}

ExperimentOptions read_experiment_options(const nlohmann::json& settings) {
  return schema().read(settings);
}

}  // namespace trellis::experiments

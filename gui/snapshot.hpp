/// What the dashboard draws: plain values, read from the database by a worker thread and never
/// changed once published, so that drawing waits for nobody.
///
/// Parts are read, replaced and shared one by one; a part that is being read is its predecessor or
/// null meanwhile. All texts are valid UTF-8. Everything may be read from any thread.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gui/view_models/config_draft.hpp"
#include "gui/view_state.hpp"
#include "reports/comparison.hpp"
#include "reports/ratings.hpp"
#include "storage/queries.hpp"

namespace trellis::gui {

/// The characters that texts need, of the Basic Multilingual Plane (all that ImGui 1.86 can draw).
using CharacterSet = std::bitset<0x10000>;

/// What stands in a column where there is no number.
inline constexpr double no_value = std::numeric_limits<double>::quiet_NaN();

/// One experiment, without its samples.
struct Overview {
  std::vector<storage::ExperimentRow> experiments;  ///< the one that ran last first
  storage::ExperimentRow experiment;                ///< the one shown
  std::vector<storage::ModelRow> models;
  std::vector<storage::TaskRecord> tasks;
  std::vector<storage::TrialRow> trials;  ///< in the order of the config
  std::vector<storage::FailureRow> failures;
  std::map<std::string, std::vector<storage::TrainingPoint>> curves;  ///< by model id
  double seconds = 0;  ///< since the worker started, when this was read
  /// Samples stored a second over the last minutes; nothing before two were seen to come.
  std::optional<double> samples_per_second;
};

/// Whether somebody writes to the database, and what a run that was started here printed last.
struct RunState {
  std::optional<int> writer;  ///< process id
  std::string log;

  bool operator==(const RunState&) const = default;
};

/// All samples of one trial, by example and sample index.
struct TrialSamples {
  std::string trial;
  /// Its status, and the values over all its samples: where these change, all is read again.
  std::vector<double> scored;
  std::int64_t newest = 0;  ///< the greatest key of `rows`
  std::vector<storage::SampleRow> rows;
  /// By metric, one value a row; not-a-number where the metric gives none.
  std::map<std::string, std::vector<double>> metrics;
};

/// No sample of that trial.
inline constexpr std::int32_t no_sample = -1;

/// The samples of the same example with the same index, one a trial.
struct PairedRow {
  std::uint32_t example = 0;  ///< place in PairedSamples::examples
  std::uint32_t sample_index = 0;
  std::array<std::int32_t, most_trials> rows;  ///< place in TrialSamples::rows, or no_sample
};

/// The samples of the chosen trials, side by side.
struct PairedSamples {
  std::vector<std::string> wanted;                          ///< the trials as wished for
  std::vector<std::shared_ptr<const TrialSamples>> trials;  ///< at most most_trials
  std::vector<storage::ExampleRow> examples;
  std::vector<PairedRow> rows;  ///< by example and sample index
};

/// Which rows of PairedSamples a filter leaves, in which order.
struct SampleOrder {
  std::shared_ptr<const PairedSamples> samples;  ///< what `rows` points into
  std::string filter;
  std::string metric;
  SampleSort sort = SampleSort::example;
  bool descending = false;
  std::vector<std::uint32_t> rows;
  std::string problem;  ///< of the filter, in one line; then all rows are there
};

/// The tokens of one sample under each chosen trial.
struct SampleTokens {
  std::vector<std::string> trials;
  std::uint64_t example_index = 0;
  std::uint32_t sample_index = 0;
  std::vector<std::optional<storage::SampleRecord>> samples;  ///< one a trial
};

/// One head's weights: weights[query * keys + key], rows sum to one.
struct AttentionMap {
  std::string kind;  ///< "self", "cross", "encoder", or "experts": keys are experts then
  std::int32_t layer = 0;
  std::int32_t head = 0;
  std::size_t queries = 0;
  std::size_t keys = 0;
  std::vector<float> weights;
};

/// A token as the strategy saw it before it chose.
struct ChoiceAlternative {
  std::string text;
  double probability = 0;  ///< the model's
  double after = 0;        ///< once the processors were applied; 0 where they cut it
  double noise = 0;        ///< Gumbel noise that sampling adds to its logarithm
  bool kept = true;
};

/// What was to choose from at one position of an output.
struct TokenChoice {
  std::uint64_t kept = 0;                       ///< tokens that the processors left
  double kept_mass = 0;                         ///< their share of the model's probability
  std::vector<ChoiceAlternative> alternatives;  ///< the model's most probable first
};

/// One token that a search kept alive after those of its parents.
struct SearchToken {
  enum class Fate { passed, dropped, finished, output };
  std::optional<std::size_t> parent;  ///< its place in the list, before this one
  std::string text;
  double probability = 0;  ///< the model's
  double score = 0;        ///< the strategy's own, of the hypothesis that ended here
  Fate fate = Fate::dropped;
};

/// What the model looked at while it wrote one sample, and how the search went; computed again on
/// request.
struct Attention {
  std::string trial;
  std::uint64_t example_index = 0;
  std::uint32_t sample_index = 0;
  std::vector<std::string> source_tokens;  ///< of the encoder; empty for decoder-only models
  std::vector<std::string>
      tokens;              ///< fed to the decoder: start symbol, prompt, output but its last
  std::size_t prompt = 0;  ///< how many of `tokens` come before the output
  std::vector<AttentionMap> maps;
  std::vector<TokenChoice> choices;  ///< one an output token; empty where they cannot be told
  bool noisy = false;                ///< the strategy draws the noise
  std::vector<SearchToken> search;   ///< empty where the strategy keeps one hypothesis only
  std::string search_problem;        ///< why there is none although it keeps several
  std::string problem;               ///< why there are no maps, in one line
};

/// A tag put on or taken off.
struct TagChange {
  storage::Tag tag;
  bool add = true;
};
/// What a person adds to the database.
using Annotation = std::variant<storage::Rating, storage::Preference, TagChange>;

/// What people said so far: of the experiment's outputs, and all tags.
struct Annotations {
  std::vector<storage::Rating> ratings;
  std::vector<storage::Preference> preferences;
  std::vector<storage::Tag> tags;
};

/// One question to a rater: about a sample, or about the samples of two trials.
struct RatingItem {
  std::uint32_t row = 0;    ///< place in PairedSamples::rows
  std::uint8_t first = 0;   ///< place in PairedSamples::trials
  std::uint8_t second = 0;  ///< the same as `first` where scores are asked for
  std::int8_t said = 0;     ///< 0: nothing yet; a score, or 1 first, 2 tie, 3 second
};

/// All questions about the chosen trials, and what this rater has said to them.
struct RatingItems {
  std::shared_ptr<const SampleOrder> order;  ///< whose rows are asked about
  RatingKind kind = RatingKind::pairs;
  std::vector<RatingItem> items;
  std::size_t identical = 0;  ///< pairs that are not asked about: their outputs are the same
  std::shared_ptr<const Annotations> annotations;  ///< that `said` was taken from
  std::string rater;
  std::string criterion;
  std::size_t rated = 0;
};

/// What all raters said of a task's outputs by a criterion.
struct RatingResults {
  std::shared_ptr<const Annotations> annotations;  ///< that this was computed from
  std::string task;
  std::string criterion;
  reports::PreferenceTable preferences;
  reports::ScoreTable scores;
};

/// What `trellis validate` said of a composed config.
struct CheckedDraft {
  ConfigDraft draft;
  std::string path;                    ///< where it was written
  bool valid = false;                  ///< it can be run
  std::vector<DraftProblem> problems;  ///< warnings where it is valid
};

struct SqlAnswer {
  std::string sql;
  storage::QueryTable table;
  std::string problem;
  double seconds = 0;
};

struct Snapshot {
  std::string database;  ///< as the user named it
  std::string problem;   ///< why the database cannot be read now; what was read before stays
  std::shared_ptr<const Overview> overview;
  std::shared_ptr<const RunState> run;
  std::shared_ptr<const reports::Comparison> comparison;
  bool compared = false;  ///< `comparison` is more than what runs stored: with tests, all seeds
  std::shared_ptr<const PairedSamples> samples;
  std::shared_ptr<const SampleOrder> order;
  std::shared_ptr<const SampleTokens> tokens;
  std::shared_ptr<const Attention> attention;
  std::shared_ptr<const Annotations> annotations;
  std::string annotation_problem;  ///< why what was said last is not stored yet
  std::shared_ptr<const RatingItems> rating;
  std::shared_ptr<const RatingResults> rating_results;
  std::shared_ptr<const ConfigForms> forms;
  std::shared_ptr<const CheckedDraft> draft;
  std::shared_ptr<const SqlAnswer> sql;
  std::shared_ptr<const CharacterSet> characters;  ///< of all texts so far; only ever grows
  bool reading = false;  ///< something that was wished for is still being read
};

/// What the dashboard wants to see. The worker reads what differs from the snapshot.
struct Wish {
  std::string experiment;  ///< empty: the one that ran last
  std::string baseline;    ///< as reports::CompareOptions has it
  std::vector<std::string> trials;
  std::string filter;
  std::string metric;
  SampleSort sort = SampleSort::example;
  bool descending = false;
  bool tokens = false;  ///< of this sample of `trials`
  std::uint64_t example_index = 0;
  std::uint32_t sample_index = 0;
  std::string attention_of;       ///< a trial, for the same sample; empty: none
  bool forms = false;             ///< what configs may hold
  ConfigDraft draft;              ///< to be checked
  std::uint64_t draft_asked = 0;  ///< another number asks again; 0: none
  bool rating = false;            ///< items of `trials`
  RatingKind rating_kind = RatingKind::pairs;
  std::string rater;
  std::string criterion;        ///< never empty
  std::string results_task;     ///< what was said of it; empty: not wished for
  std::string sql;              ///< empty: none
  std::uint64_t sql_asked = 0;  ///< another number asks the same again

  bool operator==(const Wish&) const = default;
};

}  // namespace trellis::gui

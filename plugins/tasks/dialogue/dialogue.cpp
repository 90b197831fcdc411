/// Dialogue: what was said so far in, the next turn out.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/metrics/turns.hpp"
#include "core/text/unicode.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "plugins/tasks/data/scoring.hpp"
#include "trellis/sdk/task.hpp"

namespace {

using namespace trellis;
using sdk::Json;

struct Options : tasks::DataOptions {
  Options() { stop = {"\n"}; }  // the next turn is somebody else's
  std::int64_t context_turns = 3;
  std::int64_t context_characters = 0;
  std::int64_t self_play = 0;
  std::vector<std::string> metrics;
};

const auto schema = [] {
  sdk::Settings<Options> settings;
  tasks::declare_data(settings);
  settings
      .integer("context_turns", &Options::context_turns, {.at_least = 1, .at_most = 1000},
               "How many turns before the answer the model is shown.")
      .integer("context_characters", &Options::context_characters, {.at_least = 0},
               "Oldest turns are left out while the shown ones are longer; 0 for no limit.");
  tasks::declare_evaluation(settings, "Test dialogues, JSON Lines.");
  settings
      .integer("self_play", &Options::self_play, {.at_least = 0, .at_most = 1000},
               "So many turns the model talks with itself after each opening; 0: it answers every "
               "turn of the dialogues.")
      .strings("metrics", &Options::metrics,
               "What outputs are scored by, the main one first; all by default.");
  return settings;
}();

const char* const kRepeatedTurns = "repeated_turns";

// By a reference, which the model's own turns do not have.
const std::vector<const char*> kByReference = {"chrf", "bleu", "f1", "exact_match"};
const std::vector<const char*> kByTokens = {"distinct_1", "distinct_2", "repetition", "length"};

std::vector<const char*> with(std::vector<const char*> names,
                              const std::vector<const char*>& more) {
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

class Dialogue {
 public:
  static Json description() {
    return {{"id", "dialogue"},
            {"kind", "task"},
            {"version", "1.3.0"},
            {"summary", "Answers the last turn of a dialogue, or goes on by talking to itself."},
            {"reference", "Li et al. 2016 (distinct-n); Li et al. 2017 (turns as examples)"},
            {"metrics", all_metrics()},
            {"likelihood", true},
            {"settings", schema.description()}};
  }

  explicit Dialogue(const Json& settings)
      : options_(schema.read(settings)),
        metrics_(metrics_of(options_)),
        examples_(
            options_, "{source}\n{target}\n\n",
            [this](const std::string& path, trellis_split split) { return read(path, split); }) {}

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) { return examples_.example(split, index); }

  Json score(const Json& samples) const {
    auto of_text = metrics_;
    const bool repeated = std::erase(of_text, kRepeatedTurns) > 0;
    auto answers = tasks::score_each(samples, [&](const tasks::Scored& sample) {
      return Json{{"metrics", tasks::score_text(of_text, "", sample)}};
    });
    for (std::size_t i = 0; repeated && i < samples.size(); ++i) {
      std::vector<std::string> said;
      for (const auto& turn : samples[i].at("turns")) said.push_back(turn.at("output"));
      answers[i]["metrics"][kRepeatedTurns] = tasks::metric_json(metrics::repeated_turns(said));
    }
    return answers;
  }

  bool has_turns() const { return options_.self_play > 0; }

  // The opening and what was said since, as if all of it were the dialogue's own.
  Json next_turn(const Json& example, const Json& said) {
    if (said.size() >= static_cast<std::size_t>(options_.self_play)) return nullptr;
    std::vector<std::string> turns = {example.at("fields").at(kOpening).get<std::string>()};
    for (const auto& turn : said) {
      turns.emplace_back(text::strip(turn.at("output").get_ref<const std::string&>()));
    }
    Json next = {{"source", context_of(turns)}, {"fields", example.at("fields")}};
    return examples_.as_test(std::move(next));
  }

 private:
  static constexpr const char* kOpening = "opening";  // a field

  static Json all_metrics() {
    auto metrics = tasks::known_metrics(with(kByReference, kByTokens));
    metrics.push_back(tasks::known_metric(kRepeatedTurns));
    metrics.back()["optional"] = true;
    return metrics;
  }

  static std::vector<std::string> metrics_of(const Options& options) {
    if (options.self_play == 0) {
      return tasks::chosen_metrics(options.metrics, with(kByReference, kByTokens));
    }
    const auto known = with({kRepeatedTurns}, kByTokens);
    if (options.metrics.empty()) {
      throw sdk::Failure(
          TRELLIS_INVALID_ARGUMENT,
          fmt::format("self_play = {}: there are no references to score by; name the `metrics`, "
                      "such as metrics = [\"{}\"]",
                      options.self_play, fmt::join(known, "\", \"")));
    }
    return tasks::chosen_metrics(options.metrics, known);
  }

  std::vector<Json> read(const std::string& path, trellis_split split) const {
    const bool opens = split == TRELLIS_SPLIT_TEST && has_turns();
    return tasks::read_json_lines(path, split, [&](const tasks::Record& record, auto) {
      return opens ? std::vector{opening_of(record)} : examples_of(record);
    });
  }

  // The first turn of {"turns": [...]}; of {"source"} all of it.
  static Json opening_of(const tasks::Record& record) {
    std::string opening;
    if (record.has("turns")) {
      const auto turns = record.texts("turns");
      if (turns.empty()) record.fail("\"turns\" must hold at least one turn");
      opening = turns.front();
    } else {
      opening = record.text("source");
    }
    Json example = {{"source", opening}, {"references", Json::array()}};
    tasks::keep_fields(record, {"id", "turns", "source", "references", "target", "reference"},
                       example);
    example["fields"][kOpening] = opening;
    return example;
  }

  // {"turns": [...]} gives an example for every turn but the first; {"source", "references"} one.
  std::vector<Json> examples_of(const tasks::Record& record) const {
    if (!record.has("turns")) return {tasks::common_example(record)};
    const auto turns = record.texts("turns");
    if (turns.size() < 2) record.fail("\"turns\" must hold at least two turns");
    std::vector<Json> examples;
    for (std::size_t answer = 1; answer < turns.size(); ++answer) {
      Json example = {{"source", context_of(std::span(turns).first(answer))},
                      {"references", {turns[answer]}}};
      tasks::keep_fields(record, {"id", "turns"}, example);
      examples.push_back(std::move(example));
    }
    return examples;
  }

  // The latest turns, one a line. A model that cuts a long source cuts its end, which is what an
  // answer needs most; so a limit drops whole turns from the beginning instead.
  std::string context_of(std::span<const std::string> turns) const {
    const auto most = static_cast<std::size_t>(options_.context_characters);
    std::string context;
    std::size_t characters = 0;
    std::size_t shown = 0;
    for (auto turn = turns.rbegin(); turn != turns.rend(); ++turn, ++shown) {
      if (shown == static_cast<std::size_t>(options_.context_turns)) break;
      characters += text::split_code_points(*turn).size() + 1;
      if (most > 0 && shown > 0 && characters > most + 1) break;
      context.insert(0, shown == 0 ? *turn : *turn + '\n');
    }
    return context;
  }

  Options options_;
  std::vector<std::string> metrics_;
  tasks::Examples examples_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<Dialogue>());

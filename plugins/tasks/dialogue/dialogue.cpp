/// Dialogue: what was said so far in, the next turn out.
#include "core/metrics/answers.hpp"
#include "core/metrics/bleu.hpp"
#include "core/metrics/chrf.hpp"
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
  return settings;
}();

class Dialogue {
 public:
  static Json description() {
    return {{"id", "dialogue"},
            {"kind", "task"},
            {"version", "1.2.0"},
            {"summary", "Answers the last turn of a dialogue."},
            {"reference", "Li et al. 2016 (distinct-n); Li et al. 2017 (turns as examples)"},
            {"metrics", tasks::known_metrics({"chrf", "bleu", "f1", "exact_match", "distinct_1",
                                              "distinct_2", "repetition", "length"})},
            {"likelihood", true},
            {"settings", schema.description()}};
  }

  explicit Dialogue(const Json& settings)
      : options_(schema.read(settings)),
        examples_(
            options_, "{source}\n{target}\n\n",
            [this](const std::string& path, trellis_split split) { return read(path, split); }) {}

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) { return examples_.example(split, index); }

  Json score(const Json& samples) const {
    return tasks::score_each(samples, [&](const tasks::Scored& sample) {
      using metrics::AnswerForm;
      using tasks::metric_json;
      const auto& [example, output, tokens, references] = sample;
      Json scores = {
          {"chrf", metric_json(metrics::chrf(output, references))},
          {"bleu", metric_json(metrics::bleu(output, references))},
          {"f1", metric_json(metrics::token_f1(output, references, AnswerForm::normalized))},
          {"exact_match", metric_json(metrics::exact_match(output, references, AnswerForm::raw))}};
      tasks::add_text_statistics(scores, sample);
      return Json{{"metrics", scores}};
    });
  }

 private:
  std::vector<Json> read(const std::string& path, trellis_split split) const {
    return tasks::read_json_lines(
        path, split, [this](const tasks::Record& record, auto) { return examples_of(record); });
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
      context = shown == 0 ? *turn : *turn + '\n' + context;
    }
    return context;
  }

  Options options_;
  tasks::Examples examples_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<Dialogue>());

/// Summarization: a text in, its gist out.
#include "core/metrics/chrf.hpp"
#include "core/metrics/rouge.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "plugins/tasks/data/scoring.hpp"
#include "trellis/sdk/task.hpp"

namespace {

using namespace trellis;
using sdk::Json;

struct Options {
  std::string train, valid, test;
  bool stem = true;
  std::int64_t max_new_tokens = 96;
};

const auto schema =
    sdk::Settings<Options>()
        .group("data")
        .path("train", &Options::train, "Training texts with summaries, JSON Lines.")
        .path("valid", &Options::valid, "Validation texts.")
        .group("evaluation")
        .path("test", &Options::test, "Test texts.")
        .boolean("stem", &Options::stem, "ROUGE compares English word stems.")
        .integer("max_new_tokens", &Options::max_new_tokens, {.at_least = 1},
                 "Longest output in tokens, unless the experiment says otherwise.");

class Summarization {
 public:
  static Json description() {
    return {{"id", "summarization"},
            {"kind", "task"},
            {"version", "1.0.0"},
            {"summary",
             "Summarizes texts; ROUGE as rouge-score computes it, chrF for languages "
             "that ROUGE does not read."},
            {"reference", "Lin 2004"},
            {"metrics", tasks::known_metrics({"rouge1", "rouge2", "rougeL", "rougeLsum", "chrf",
                                              "distinct_1", "distinct_2", "repetition", "length"})},
            {"likelihood", true},
            {"settings", schema.description()}};
  }

  explicit Summarization(const Json& settings)
      : options_(schema.read(settings)),
        examples_({options_.train, options_.valid, options_.test},
                  [this](trellis_split split) { return read(split); }) {}

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) {
    Json example = examples_.example(split, index);
    example["max_new_tokens"] = options_.max_new_tokens;
    return example;
  }

  Json score(const Json& samples) const {
    return tasks::score_each(samples, [&](const tasks::Scored& sample) {
      using tasks::metric_json;
      const auto rouge = metrics::rouge(sample.output, sample.references, options_.stem);
      Json scores = {{"rouge1", metric_json(rouge.rouge_1.f_measure)},
                     {"rouge2", metric_json(rouge.rouge_2.f_measure)},
                     {"rougeL", metric_json(rouge.rouge_l.f_measure)},
                     {"rougeLsum", metric_json(rouge.rouge_lsum.f_measure)},
                     {"chrf", metric_json(metrics::chrf(sample.output, sample.references))}};
      tasks::add_text_statistics(scores, sample);
      return Json{{"metrics", scores}};
    });
  }

 private:
  std::vector<Json> read(trellis_split split) const {
    const std::array paths = {options_.train, options_.valid, options_.test};
    return tasks::read_json_lines(paths.at(static_cast<std::size_t>(split)), split,
                                  [](const tasks::Record& record, auto) {
                                    return std::vector{tasks::common_example(record)};
                                  });
  }

  Options options_;
  tasks::Examples examples_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<Summarization>());

/// Summarization: a text in, its gist out.
#include "core/metrics/chrf.hpp"
#include "core/metrics/rouge.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "plugins/tasks/data/scoring.hpp"
#include "trellis/sdk/task.hpp"

namespace {

using namespace trellis;
using sdk::Json;

struct Options : tasks::DataOptions {
  Options() { max_new_tokens = 96; }
  bool stem = true;
};

const auto schema = [] {
  sdk::Settings<Options> settings;
  tasks::declare_data(settings);
  tasks::declare_evaluation(settings, "Test texts with summaries, JSON Lines.");
  settings.boolean("stem", &Options::stem, "ROUGE compares English word stems.");
  return settings;
}();

class Summarization {
 public:
  static Json description() {
    return {{"id", "summarization"},
            {"kind", "task"},
            {"version", "1.1.0"},
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
        examples_(
            options_, "{source}\n{target}\n\n",
            [this](const std::string& path, trellis_split split) { return read(path, split); }) {}

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) { return examples_.example(split, index); }

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
  std::vector<Json> read(const std::string& path, trellis_split split) const {
    return tasks::read_json_lines(path, split, [](const tasks::Record& record, auto) {
      return std::vector{tasks::common_example(record)};
    });
  }

  Options options_;
  tasks::Examples examples_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<Summarization>());

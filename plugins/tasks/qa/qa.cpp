/// Question answering: a question and a text in, the answer out, a span of the text or free words.
#include "core/metrics/answers.hpp"
#include "core/metrics/chrf.hpp"
#include "core/metrics/rouge.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "plugins/tasks/data/scoring.hpp"
#include "trellis/sdk/task.hpp"

namespace {

using namespace trellis;
using sdk::Json;

struct Options : tasks::DataOptions {
  Options() {
    stop = {"\n"};
    max_new_tokens = 32;
  }
  std::string language = "en";
};

const auto schema = [] {
  sdk::Settings<Options> settings;
  tasks::declare_data(settings);
  tasks::declare_evaluation(settings, "Test questions, JSON Lines.");
  settings.choice("language", &Options::language, {"en", "zh"},
                  "Of the answers; zh compares Chinese by characters.");
  return settings;
}();

class QuestionAnswering {
 public:
  static Json description() {
    return {{"id", "qa"},
            {"kind", "task"},
            {"version", "1.0.0"},
            {"summary", "Answers questions about a text; exact match and F1 as SQuAD scores them."},
            {"reference", "Rajpurkar et al. 2016; Lewis et al. 2020 (Chinese)"},
            {"metrics", tasks::known_metrics({"f1", "exact_match", "rougeL", "chrf", "distinct_1",
                                              "distinct_2", "repetition", "length"})},
            {"likelihood", true},
            {"settings", schema.description()}};
  }

  explicit QuestionAnswering(const Json& settings)
      : options_(schema.read(settings)),
        examples_(options_, "{context}\n{question}\n{target}\n\n", &read),
        form_(options_.language == "zh" ? metrics::AnswerForm::chinese
                                        : metrics::AnswerForm::normalized) {}

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) { return examples_.example(split, index); }

  Json score(const Json& samples) const {
    return tasks::score_each(samples, [this](const tasks::Scored& sample) {
      using tasks::metric_json;
      const auto& [example, output, tokens, references] = sample;
      Json scores = {
          {"f1", metric_json(metrics::token_f1(output, references, form_))},
          {"exact_match", metric_json(metrics::exact_match(output, references, form_))},
          {"rougeL", metric_json(metrics::rouge(output, references, true).rouge_l.f_measure)},
          {"chrf", metric_json(metrics::chrf(output, references))}};
      tasks::add_text_statistics(scores, sample);
      return Json{{"metrics", scores}};
    });
  }

 private:
  static std::vector<Json> read(const std::string& path, trellis_split split) {
    return tasks::read_json_lines(path, split, [](const tasks::Record& record, auto) {
      return std::vector{example_of(record)};
    });
  }

  // The question first: a model that cannot read all of a source drops its end.
  static Json example_of(const tasks::Record& record) {
    const auto question = record.text("question");
    const auto context = record.has("context") ? record.text("context") : std::string();
    Json example = {{"source", context.empty() ? question : question + '\n' + context},
                    {"references", record.texts("references")},
                    {"shown", {{"question", question}, {"context", context}}}};
    if (example["references"].empty()) record.fail("\"references\" must not be empty");
    tasks::keep_fields(record, {"id", "question", "context", "references", "answer_starts"},
                       example);
    return example;
  }

  Options options_;
  tasks::Examples examples_;
  metrics::AnswerForm form_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<QuestionAnswering>());

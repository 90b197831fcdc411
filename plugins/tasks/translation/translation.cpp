/// Translation: a sentence in, the same in another language out.
#include "core/metrics/answers.hpp"
#include "core/metrics/bleu.hpp"
#include "core/metrics/chrf.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "plugins/tasks/data/scoring.hpp"
#include "trellis/sdk/task.hpp"

namespace {

using namespace trellis;
using sdk::Json;

struct Options : tasks::DataOptions {
  Options() { max_new_tokens = 96; }
  std::string train_target, valid_target, test_target;
  bool reverse = false;
  std::string target_language;
  std::string tokenizer = "auto";
};

const auto schema = [] {
  sdk::Settings<Options> settings;
  tasks::declare_data(settings);
  settings
      .path("train_target", &Options::train_target,
            "The references of `train`, where that is a text of one sentence a line.")
      .path("valid_target", &Options::valid_target, "The references of `valid`.")
      .boolean("reverse", &Options::reverse,
               "Translate from the first reference to the source instead.");
  tasks::declare_evaluation(settings, "Test pairs: JSON Lines, or the sources as text.");
  settings.path("test_target", &Options::test_target, "The references of `test`.")
      .string("target_language", &Options::target_language,
              "Language code of the references, such as de or zh; chooses the tokenizer.")
      .choice("tokenizer", &Options::tokenizer, {"auto", "13a", "intl", "zh", "char", "none"},
              "How BLEU cuts words; auto: zh for Chinese, 13a for all else.");
  return settings;
}();

class Translation {
 public:
  static Json description() {
    return {{"id", "translation"},
            {"kind", "task"},
            {"version", "1.1.0"},
            {"summary", "Translates sentences; BLEU and chrF as sacrebleu computes them."},
            {"reference", "Papineni et al. 2002; Post 2018; Popović 2015"},
            {"metrics", tasks::known_metrics({"bleu", "bleu_lowercase", "bleu_tokenized", "chrf",
                                              "chrf++", "exact_match", "distinct_1", "distinct_2",
                                              "repetition", "length"})},
            {"likelihood", true},
            {"settings", schema.description()}};
  }

  explicit Translation(const Json& settings)
      : options_(schema.read(settings)),
        examples_(
            options_, "{source}\n{target}\n\n",
            [this](const std::string& path, trellis_split split) { return read(path, split); }) {
    bleu_.tokenizer = metrics::bleu_tokenizer(tokenizer_name());
    lowercase_ = bleu_;
    lowercase_.lowercase = true;
    tokenized_.tokenizer = metrics::bleu_tokenizer("none");
  }

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) { return examples_.example(split, index); }

  Json score(const Json& samples) const {
    return tasks::score_each(samples, [&](const tasks::Scored& sample) {
      using tasks::metric_json;
      const auto& [example, output, tokens, references] = sample;
      Json scores = {{"bleu", metric_json(metrics::bleu(output, references, bleu_))},
                     {"bleu_lowercase", metric_json(metrics::bleu(output, references, lowercase_))},
                     {"bleu_tokenized", metric_json(metrics::bleu(output, references, tokenized_))},
                     {"chrf", metric_json(metrics::chrf(output, references))},
                     {"chrf++", metric_json(metrics::chrf(output, references, {.word_order = 2}))},
                     {"exact_match", metric_json(metrics::exact_match(output, references,
                                                                      metrics::AnswerForm::raw))}};
      tasks::add_text_statistics(scores, sample);
      return Json{{"metrics", scores}};
    });
  }

 private:
  std::string tokenizer_name() const {
    if (options_.tokenizer != "auto") return options_.tokenizer;
    return options_.target_language.starts_with("zh") ? "zh" : "13a";
  }

  std::vector<Json> read(const std::string& path, trellis_split split) const {
    const std::array targets = {options_.train_target, options_.valid_target, options_.test_target};
    const auto& target = targets.at(static_cast<std::size_t>(split));
    auto examples =
        !target.empty() && path != options_.shots_file
            ? tasks::read_parallel(path, target)
            : tasks::read_json_lines(path, split, [](const tasks::Record& record, auto) {
                return std::vector{tasks::common_example(record)};
              });
    if (options_.reverse) {
      for (auto& example : examples) {
        const Json source_text = example["source"];
        example["source"] = example["references"][0];
        example["references"] = {source_text};
      }
    }
    return examples;
  }

  Options options_;
  tasks::Examples examples_;
  metrics::BleuOptions bleu_;
  metrics::BleuOptions lowercase_;
  metrics::BleuOptions tokenized_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<Translation>());

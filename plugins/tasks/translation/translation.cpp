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

struct Options {
  std::string train, train_target, valid, valid_target, test, test_target;
  bool reverse = false;
  std::string target_language;
  std::string tokenizer = "auto";
  std::int64_t max_new_tokens = 96;
};

const auto schema =
    sdk::Settings<Options>()
        .group("data")
        .path("train", &Options::train, "Training pairs: JSON Lines, or the sources as text.")
        .path("train_target", &Options::train_target,
              "The references of `train`, where that is a text of one sentence a line.")
        .path("valid", &Options::valid, "Validation pairs.")
        .path("valid_target", &Options::valid_target, "The references of `valid`.")
        .boolean("reverse", &Options::reverse,
                 "Translate from the first reference to the source instead.")
        .group("evaluation")
        .path("test", &Options::test, "Test pairs.")
        .path("test_target", &Options::test_target, "The references of `test`.")
        .string("target_language", &Options::target_language,
                "Language code of the references, such as de or zh; chooses the tokenizer.")
        .choice("tokenizer", &Options::tokenizer, {"auto", "13a", "intl", "zh", "char", "none"},
                "How BLEU cuts words; auto: zh for Chinese, 13a for all else.")
        .integer("max_new_tokens", &Options::max_new_tokens, {.at_least = 1},
                 "Longest output in tokens, unless the experiment says otherwise.");

class Translation {
 public:
  static Json description() {
    return {{"id", "translation"},
            {"kind", "task"},
            {"version", "1.0.0"},
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
        examples_({options_.train, options_.valid, options_.test},
                  [this](trellis_split split) { return read(split); }) {
    bleu_.tokenizer = metrics::bleu_tokenizer(tokenizer_name());
    lowercase_ = bleu_;
    lowercase_.lowercase = true;
    tokenized_.tokenizer = metrics::bleu_tokenizer("none");
  }

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) {
    Json example = examples_.example(split, index);
    example["max_new_tokens"] = options_.max_new_tokens;
    return example;
  }

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

  std::vector<Json> read(trellis_split split) const {
    const std::array sources = {options_.train, options_.valid, options_.test};
    const std::array targets = {options_.train_target, options_.valid_target, options_.test_target};
    const auto& source = sources.at(static_cast<std::size_t>(split));
    const auto& target = targets.at(static_cast<std::size_t>(split));
    auto examples = !target.empty() ? tasks::read_parallel(source, target)
                                    : tasks::read_json_lines(
                                          source, split, [](const tasks::Record& record, auto) {
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

/// A task that is wholly described by its settings: files, a template, stop strings, metrics.
#include <fmt/format.h>

#include "core/metrics/metric.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "plugins/tasks/data/scoring.hpp"
#include "trellis/sdk/task.hpp"

namespace {

using namespace trellis;
using sdk::Json;

struct Options : tasks::DataOptions {
  std::string source = "source";
  std::string target = "references";
  std::vector<std::string> metrics;
};

const auto schema = [] {
  sdk::Settings<Options> settings;
  tasks::declare_data(settings);
  settings
      .string("source", &Options::source,
              "Field that a model reads and rewrites; may be missing where there is a prompt.")
      .string("target", &Options::target,
              "Field of the answer: a text, a number, or a list of them.");
  tasks::declare_evaluation(settings, "Test records, JSON Lines.");
  settings.strings("metrics", &Options::metrics, "What outputs are scored by, the main one first.");
  return settings;
}();

/// All that need nothing but the texts.
std::vector<const char*> text_metrics() {
  std::vector<const char*> names;
  for (const auto& metric : metrics::all_metrics()) {
    if (metric.of_text != nullptr) names.push_back(metric.name.data());
  }
  return names;
}

class Custom {
 public:
  static Json description() {
    return {
        {"id", "custom"},
        {"kind", "task"},
        {"version", "1.0.0"},
        {"summary", "Whatever its settings describe: files, a template, stop strings, metrics."},
        {"metrics", tasks::known_metrics(text_metrics())},
        {"likelihood", true},
        {"settings", schema.description()}};
  }

  explicit Custom(const Json& settings)
      : options_(schema.read(settings)),
        metrics_(tasks::chosen_metrics(options_.metrics, text_metrics())),
        examples_(
            options_, "{" + options_.source + "}\n{target}\n\n",
            [this](const std::string& path, trellis_split split) { return read(path, split); }) {
    if (options_.metrics.empty()) {
      throw sdk::Failure(
          TRELLIS_INVALID_ARGUMENT,
          "metrics: name at least one, such as metrics = [\"exact_match\", \"chrf\"]");
    }
  }

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) { return examples_.example(split, index); }

  Json score(const Json& samples) const {
    return tasks::score_each(samples, [this](const tasks::Scored& sample) {
      const auto fields = sample.example.value("fields", Json::object());
      const auto source = fields.value(options_.source, sample.example.value("source", ""));
      return Json{{"metrics", tasks::score_text(metrics_, source, sample)}};
    });
  }

 private:
  std::vector<Json> read(const std::string& path, trellis_split split) const {
    return tasks::read_json_lines(path, split, [this](const tasks::Record& record, auto) {
      return std::vector{example_of(record)};
    });
  }

  Json example_of(const tasks::Record& record) const {
    Json example = {{"references", answers_of(record)}};
    const bool prompted = !options_.prompt.empty() || options_.shots > 0;
    if (!prompted) example["source"] = record.text(options_.source.c_str());
    tasks::keep_fields(record, {"id", prompted ? "" : options_.source, options_.target}, example);
    return example;
  }

  Json answers_of(const tasks::Record& record) const {
    const auto* key = options_.target.c_str();
    if (!record.has(key)) {
      record.fail(fmt::format("the key \"{}\", which `target` names, is missing", options_.target));
    }
    const auto& given = record.json()[key];
    Json answers = Json::array();
    for (const auto& answer : given.is_array() ? given : Json::array({given})) {
      if (answer.is_structured() || answer.is_null()) {
        record.fail(
            fmt::format("\"{}\" must be a text, a number, or a list of them", options_.target));
      }
      answers.push_back(answer.is_string() ? answer : Json(answer.dump()));
    }
    if (answers.empty()) record.fail(fmt::format("\"{}\" must not be empty", options_.target));
    return answers;
  }

  Options options_;
  std::vector<std::string> metrics_;
  tasks::Examples examples_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<Custom>());

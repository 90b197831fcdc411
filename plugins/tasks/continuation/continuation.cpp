/// Continuation: the beginning of a text in, more of it out. Language modelling and creative
/// writing alike.
#include "core/metrics/chrf.hpp"
#include "core/text/lines.hpp"
#include "core/text/unicode.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "plugins/tasks/data/scoring.hpp"
#include "trellis/sdk/task.hpp"

namespace {

using namespace trellis;
using sdk::Json;

struct Options : tasks::DataOptions {
  Options() { max_new_tokens = 100; }
  std::int64_t prefix_characters = 200;
  std::int64_t target_characters = 300;
};

const auto schema = [] {
  sdk::Settings<Options> settings;
  tasks::declare_data(settings);
  tasks::declare_evaluation(settings,
                            "Test text; JSON Lines may give `prefix` and `references` themselves.");
  settings
      .integer("prefix_characters", &Options::prefix_characters, {.at_least = 0},
               "How much of a test text the model is shown before each reference.")
      .integer("target_characters", &Options::target_characters, {.at_least = 1},
               "How much of what follows is the reference.");
  return settings;
}();

std::string join(std::span<const std::string_view> pieces) {
  std::string text;
  for (const auto piece : pieces) text += piece;
  return text;
}

class Continuation {
 public:
  static Json description() {
    return {{"id", "continuation"},
            {"kind", "task"},
            {"version", "1.2.0"},
            {"summary", "Continues texts: how well they are expected, how varied the output is."},
            {"reference", "Holtzman et al. 2020; Welleck et al. 2020 (repetition)"},
            {"metrics", tasks::known_metrics({"bits_per_byte", "perplexity", "distinct_1",
                                              "distinct_2", "repetition", "chrf", "length"})},
            {"likelihood", true},
            {"settings", schema.description()}};
  }

  explicit Continuation(const Json& settings)
      : options_(schema.read(settings)),
        examples_(
            options_, "{prefix}{target}\n\n",
            [this](const std::string& path, trellis_split split) { return read(path, split); }) {}

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) { return examples_.example(split, index); }

  Json score(const Json& samples) const {
    return tasks::score_each(samples, [&](const tasks::Scored& sample) {
      Json scores = {{"chrf", tasks::metric_json(metrics::chrf(sample.output, sample.references))}};
      tasks::add_text_statistics(scores, sample);
      return Json{{"metrics", scores}};
    });
  }

 private:
  std::vector<Json> read(const std::string& path, trellis_split split) const {
    if (path.ends_with(".jsonl") || path.ends_with(".jsonl.gz")) {
      return tasks::read_json_lines(
          path, split, [this](const tasks::Record& record, trellis_split of) {
            if (record.has("prefix") || record.has("references")) {
              Json example = {{"prefix", record.text("prefix")},
                              {"references", record.texts("references")}};
              tasks::keep_fields(record, {"id", "prefix", "references"}, example);
              return std::vector{std::move(example)};
            }
            auto examples = whole_or_cut(record.text("text"), of, false);
            for (auto& example : examples) tasks::keep_fields(record, {"id", "text"}, example);
            return examples;
          });
    }
    return whole_or_cut(text::read_text(path), split, true);
  }

  // Training reads texts whole (the trainer cuts its windows by tokens). A test text is cut into
  // what is shown and what should follow. A plain file gives many such windows: each begins one
  // reference after the last, so that all of the file but its first prefix is scored, once.
  std::vector<Json> whole_or_cut(const std::string& content, trellis_split split, bool many) const {
    if (split != TRELLIS_SPLIT_TEST) return {{{"references", {content}}}};
    const auto pieces = text::split_code_points(content);
    const std::span<const std::string_view> all(pieces);
    const auto prefix = static_cast<std::size_t>(options_.prefix_characters);
    const auto target = static_cast<std::size_t>(options_.target_characters);
    std::vector<Json> windows;
    for (std::size_t begin = 0; begin + prefix < all.size(); begin += target) {
      const auto rest = all.subspan(begin + prefix);
      const auto size = std::min(rest.size(), target);
      windows.push_back({{"prefix", join(all.subspan(begin, prefix))},
                         {"references", {join(rest.first(size))}},
                         {"reference_ends", size == rest.size()}});
      if (!many) break;
    }
    return windows;
  }

  Options options_;
  tasks::Examples examples_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<Continuation>());

/// Rewriting: a text in, a better one out: grammar corrected, words made simple, a gap filled.
#include <algorithm>
#include "core/text/unicode.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "plugins/tasks/data/scoring.hpp"
#include "trellis/sdk/task.hpp"

namespace {

using namespace trellis;
using sdk::Json;

const std::vector<const char*> kMetrics = {
    "gleu", "sari", "bleu", "chrf", "f1", "exact_match", "edit_similarity", "unchanged"};

struct Options : tasks::DataOptions {
  Options() { max_new_tokens = 96; }
  std::vector<std::string> metrics;
  double gap = 0.2;
  std::string gap_mark = "___";
};

const auto schema = [] {
  sdk::Settings<Options> settings;
  tasks::declare_data(settings);
  settings
      .number("gap", &Options::gap, {.above = 0, .below = 1},
              "Share of a `text` that is left out, to be filled in.")
      .string("gap_mark", &Options::gap_mark, "What stands in its place.");
  tasks::declare_evaluation(settings, "Test texts with rewritten ones, JSON Lines.");
  settings.strings("metrics", &Options::metrics,
                   "Which metrics, the main one first; all of them where none is named.");
  return settings;
}();

std::string joined(std::span<const std::string_view> pieces, std::string_view between) {
  std::string text;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0) text += between;
    text += pieces[i];
  }
  return text;
}

class Rewriting {
 public:
  static Json description() {
    auto all = kMetrics;
    all.insert(all.end(), {"distinct_1", "distinct_2", "repetition", "length"});
    return {{"id", "rewriting"},
            {"kind", "task"},
            {"version", "1.0.0"},
            {"summary", "Rewrites texts: corrects grammar, simplifies, fills gaps."},
            {"reference", "Napoles et al. 2015 (GLEU); Xu et al. 2016 (SARI)"},
            {"metrics", tasks::known_metrics(all)},
            {"likelihood", true},
            {"settings", schema.description()}};
  }

  explicit Rewriting(const Json& settings)
      : options_(schema.read(settings)),
        metrics_(tasks::chosen_metrics(options_.metrics, kMetrics)),
        examples_(
            options_, "{source}\n{target}\n\n",
            [this](const std::string& path, trellis_split split) { return read(path, split); }) {}

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) { return examples_.example(split, index); }

  Json score(const Json& samples) const {
    return tasks::score_each(samples, [this](const tasks::Scored& sample) {
      const auto fields = sample.example.value("fields", Json::object());
      // A prompt holds the text somewhere; what is rewritten is kept beside it.
      const auto source = fields.value("rewritten", sample.example.value("source", ""));
      auto scores = tasks::score_text(metrics_, source, sample);
      tasks::add_text_statistics(scores, sample);
      return Json{{"metrics", scores}};
    });
  }

 private:
  std::vector<Json> read(const std::string& path, trellis_split split) const {
    return tasks::read_json_lines(path, split, [this](const tasks::Record& record, auto) {
      auto example = record.has("text") ? with_gap(record) : tasks::common_example(record);
      if (!options_.prompt.empty() || options_.shots > 0) {
        example["fields"]["rewritten"] = example["source"];
      }
      return std::vector{std::move(example)};
    });
  }

  // The gap is in the middle, so that there is text on both sides of it. Text without spaces, such
  // as Chinese, is cut between characters.
  Json with_gap(const tasks::Record& record) const {
    const auto text = record.text("text");
    auto pieces = text::split_white_space(text);
    const bool words = pieces.size() >= 3;
    if (!words) pieces = text::split_code_points(text::strip(text));
    if (pieces.size() < 3) record.fail("\"text\" is too short to leave something out of it");
    const std::span<const std::string_view> all(pieces);
    const auto wanted = static_cast<std::size_t>(options_.gap * static_cast<double>(all.size()));
    const auto size = std::clamp<std::size_t>(wanted, 1, all.size() - 2);
    const auto begin = (all.size() - size) / 2;
    const auto* const between = words ? " " : "";
    Json example = {{"source", joined(all.first(begin), between) + between + options_.gap_mark +
                                   between + joined(all.subspan(begin + size), between)},
                    {"references", {joined(all.subspan(begin, size), between)}}};
    tasks::keep_fields(record, {"id", "text"}, example);
    return example;
  }

  Options options_;
  std::vector<std::string> metrics_;
  tasks::Examples examples_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<Rewriting>());

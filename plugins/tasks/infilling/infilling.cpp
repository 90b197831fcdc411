/// Infilling: what belongs in the gap of a text, or in the place of a span that is marked in it.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/text/unicode.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "plugins/tasks/data/scoring.hpp"
#include "trellis/sdk/task.hpp"

namespace {

using namespace trellis;
using sdk::Json;

const std::vector<const char*> kMetrics = {"exact_match", "f1", "chrf", "edit_similarity"};

struct Options : tasks::DataOptions {
  Options() { max_new_tokens = 16; }
  std::string field = "text";
  std::int64_t longest = 3;
  std::int64_t gaps = 1;
  std::string gap_mark = "___";
  std::string open_mark = "[[";
  std::string close_mark = "]]";
  std::vector<std::string> metrics;
};

const auto schema = [] {
  sdk::Settings<Options> settings;
  tasks::declare_data(settings);
  settings.string("field", &Options::field, "Field of the records that holds the text.")
      .integer("longest", &Options::longest, {.at_least = 1, .at_most = 1000},
               "Most words of a gap, or characters of text without spaces.")
      .integer("gaps", &Options::gaps, {.at_least = 1, .at_most = 1000},
               "Examples with gaps of their own that are made of each training text.")
      .string("gap_mark", &Options::gap_mark, "What stands in a gap's place.")
      .string("open_mark", &Options::open_mark, "What stands before a span that is marked.")
      .string("close_mark", &Options::close_mark, "What stands behind it.");
  tasks::declare_evaluation(settings, "Test texts, JSON Lines.");
  settings.strings("metrics", &Options::metrics,
                   "Which metrics, the main one first; all of them where none is named.");
  return settings;
}();

// Numbers that depend on a text alone (FNV-1a, then SplitMix64): the same gaps on every machine.
class Draws {
 public:
  explicit Draws(std::string_view text) {
    for (const char byte : text)
      state_ = (state_ ^ static_cast<unsigned char>(byte)) * 0x100000001B3U;
  }
  std::size_t below(std::size_t count) {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return static_cast<std::size_t>((z ^ (z >> 31U)) % count);
  }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325U;
};

// Half-open, in bytes.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

class Infilling {
 public:
  static Json description() {
    auto all = kMetrics;
    all.insert(all.end(), {"distinct_1", "distinct_2", "repetition", "length"});
    return {{"id", "infilling"},
            {"kind", "task"},
            {"version", "1.0.0"},
            {"summary", "Fills the gap of a text, or rewrites a span that is marked in it."},
            {"reference", "Donahue, Lee, Liang 2020, arXiv:2005.05339"},
            {"metrics", tasks::known_metrics(all)},
            {"likelihood", true},
            {"settings", schema.description()}};
  }

  explicit Infilling(const Json& settings)
      : options_(schema.read(settings)),
        metrics_(tasks::chosen_metrics(options_.metrics, kMetrics)),
        examples_(
            options_, "{source}\n{target}\n\n",
            [this](const std::string& path, trellis_split split) { return read(path, split); }) {
    for (const auto& [name, mark] : {std::pair("gap_mark", &options_.gap_mark),
                                     {"open_mark", &options_.open_mark},
                                     {"close_mark", &options_.close_mark}}) {
      if (mark->empty()) {
        throw sdk::Failure(TRELLIS_INVALID_ARGUMENT, fmt::format("{}: must not be empty", name));
      }
    }
  }

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) { return examples_.example(split, index); }

  // White space at the ends belongs to the gap, but is no one's merit.
  Json score(const Json& samples) const {
    return tasks::score_each(samples, [this](const tasks::Scored& sample) {
      const std::string output(text::strip(sample.output));
      std::vector<std::string> references;
      for (const auto& reference : sample.references) {
        references.emplace_back(text::strip(reference));
      }
      const auto source = sample.example.value("source", "");
      auto scores =
          tasks::score_text(metrics_, source, {sample.example, output, sample.tokens, references});
      tasks::add_text_statistics(scores, sample);
      return Json{{"metrics", scores}};
    });
  }

 private:
  std::vector<Json> read(const std::string& path, trellis_split split) const {
    return tasks::read_json_lines(path, split, [this, split](const tasks::Record& record, auto) {
      const std::string text = text_of(record);
      std::vector<Json> made;
      for (std::size_t from = 0;;) {
        const auto marked = marked_span(record, text, from);
        if (!marked) break;
        made.push_back(with_marked(record, text, *marked));
        from = marked->end + options_.close_mark.size();
      }
      if (!made.empty()) return made;
      Draws draws(text);
      const auto count = split == TRELLIS_SPLIT_TRAIN ? options_.gaps : 1;
      for (std::int64_t i = 0; i < count; ++i) {
        const Span gap = draw_gap(record, text, draws);
        made.push_back(with_gap(record, text.substr(0, gap.begin), text.substr(gap.end),
                                {text.substr(gap.begin, gap.end - gap.begin)}));
      }
      return made;
    });
  }

  std::string text_of(const tasks::Record& record) const {
    const auto* key = options_.field.c_str();
    if (!record.has(key)) {
      record.fail(fmt::format("the key \"{}\", which `field` names, is missing", options_.field));
    }
    if (!record.json()[key].is_array()) return record.text(key);
    const auto texts = record.texts(key);
    if (texts.empty()) record.fail(fmt::format("\"{}\" must not be empty", options_.field));
    return texts.front();
  }

  // The next span between marks, without these.
  std::optional<Span> marked_span(const tasks::Record& record, const std::string& text,
                                  std::size_t from) const {
    const auto open = text.find(options_.open_mark, from);
    if (open == std::string::npos) return std::nullopt;
    const auto begin = open + options_.open_mark.size();
    const auto end = text.find(options_.close_mark, begin);
    if (end == std::string::npos) {
      record.fail(fmt::format("\"{}\": a span that \"{}\" opens is not closed by \"{}\"",
                              options_.field, options_.open_mark, options_.close_mark));
    }
    return Span{begin, end};
  }

  std::string without_marks(std::string text) const {
    for (const auto& mark : {options_.open_mark, options_.close_mark}) {
      for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
        text.erase(at, mark.size());
      }
    }
    return text;
  }

  // The gap begins with the white space before it, as tokens often do.
  Json with_gap(const tasks::Record& record, std::string before, const std::string& behind,
                const std::vector<std::string>& answers) const {
    const std::size_t kept = text::strip_right(before).size();
    const std::string space = before.substr(kept);
    before.resize(kept);
    Json references = Json::array();
    for (const auto& answer : answers) references.push_back(space + answer);
    Json example = {{"source", before + options_.gap_mark + behind},
                    {"references", std::move(references)}};
    tasks::keep_fields(record, {"id", "references", options_.field}, example);
    return example;
  }

  // What is to be written is the span itself, or the record's references.
  Json with_marked(const tasks::Record& record, const std::string& text, Span span) const {
    const auto open = span.begin - options_.open_mark.size();
    const auto inside = text.substr(span.begin, span.end - span.begin);
    auto example =
        with_gap(record, without_marks(text.substr(0, open)),
                 without_marks(text.substr(span.end + options_.close_mark.size())),
                 record.has("references") ? record.texts("references") : std::vector{inside});
    example["fields"]["span"] = inside;
    return example;
  }

  Span draw_gap(const tasks::Record& record, const std::string& text, Draws& draws) const {
    auto pieces = text::split_white_space(text);
    if (pieces.size() < 3) pieces = text::split_code_points(text::strip(text));
    if (pieces.size() < 2) {
      record.fail(fmt::format("\"{}\" is too short to leave something out of it", options_.field));
    }
    const auto most = std::min(static_cast<std::size_t>(options_.longest), pieces.size() - 1);
    const auto size = 1 + draws.below(most);
    const auto first = draws.below(pieces.size() - size + 1);
    const auto& last = pieces[first + size - 1];
    return {static_cast<std::size_t>(pieces[first].data() - text.data()),
            static_cast<std::size_t>(last.data() + last.size() - text.data())};
  }

  Options options_;
  std::vector<std::string> metrics_;
  tasks::Examples examples_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<Infilling>());

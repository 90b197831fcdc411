/// Code: a signature and a description in, a Python program out; run against unit tests.
#include <algorithm>
#include <random>

#include "core/metrics/answers.hpp"
#include "core/metrics/edit_similarity.hpp"
#include "core/text/unicode.hpp"
#include "plugins/tasks/code/sandbox.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "plugins/tasks/data/scoring.hpp"
#include "trellis/sdk/task.hpp"

namespace {

using namespace trellis;
using sdk::Json;

struct Options {
  std::string train, valid, test;
  std::vector<std::string> stop = {"\ndef ", "\nclass ", "\nprint(", "\nif __name__"};
  std::string python = "/usr/bin/python3";
  double timeout_seconds = 5;
  std::int64_t memory_mb = 512;
  std::int64_t processes = 16;
  std::int64_t output_kb = 64;
  std::int64_t max_new_tokens = 192;
};

const auto schema =
    sdk::Settings<Options>()
        .group("data")
        .path("train", &Options::train, "Training programs, JSON Lines.")
        .path("valid", &Options::valid, "Validation programs.")
        .group("evaluation")
        .path("test", &Options::test, "Test problems, JSON Lines.")
        .strings("stop", &Options::stop, "Texts at which the output ends.")
        .string("python", &Options::python, "The interpreter, below /usr.")
        .number("timeout_seconds", &Options::timeout_seconds, {.above = 0, .at_most = 600},
                "Wall-clock and processor time of one program.")
        .integer("memory_mb", &Options::memory_mb, {.at_least = 64, .at_most = 65536},
                 "Memory of one program.")
        .integer("processes", &Options::processes, {.at_least = 1, .at_most = 1024},
                 "Processes and threads of one program.")
        .integer("output_kb", &Options::output_kb, {.at_least = 1, .at_most = 65536},
                 "What one program may print or write.")
        .integer("max_new_tokens", &Options::max_new_tokens, {.at_least = 1},
                 "Longest output in tokens, unless the experiment says otherwise.");

// Says for each [text, is a line] of a JSON list whether it is Python. A line that is one part of a
// statement, such as `else:`, is completed to a whole one.
constexpr const char* kParser = R"(
import ast, json, sys, warnings
warnings.simplefilter("ignore")
WHOLE = [("", ""), ("", " pass"), ("if x: pass\n", " pass"), ("try: pass\n", " pass"),
         ("", " pass\nfinally: pass"), ("", "\ndef f(): pass")]
def is_program(text):
    try:
        return bool(ast.parse(text).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
def parses(text, is_line):
    if not is_line or text.strip()[:1] in ("", "#"):
        return is_program(text)
    return any(is_program(before + text.strip() + after) for before, after in WHOLE)
print(json.dumps([parses(*text) for text in json.load(sys.stdin)]))
)";

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + '\n';
  return text;
}

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of("\r\n");
  if (end == std::string::npos) return {};
  const auto begin = text.find_last_of('\n', end);
  return text.substr(begin + 1, end - begin);
}

// A program that ends early by itself has not passed: it cannot know what is printed at its end.
std::string fresh_marker() {
  std::random_device device;
  return "trellis-" + std::to_string(device()) + std::to_string(device());
}

class Code {
 public:
  static Json description() {
    return {{"id", "code"},
            {"kind", "task"},
            {"version", "1.1.0"},
            {"summary", "Completes Python programs and runs them against tests in a sandbox."},
            {"reference", "Chen et al. 2021; Austin et al. 2021"},
            {"metrics", tasks::known_metrics({"passes", "parses", "exact_match", "edit_similarity",
                                              "distinct_1", "distinct_2", "repetition", "length"})},
            {"likelihood", true},
            {"settings", schema.description()}};
  }

  explicit Code(const Json& settings)
      : options_(schema.read(settings)),
        examples_({options_.train, options_.valid, options_.test},
                  [this](trellis_split split) { return read(split); }) {
    limits_.seconds = options_.timeout_seconds;
    limits_.memory_mb = static_cast<std::uint64_t>(options_.memory_mb);
    limits_.processes = static_cast<std::uint64_t>(options_.processes);
    limits_.output_kb = static_cast<std::uint64_t>(options_.output_kb);
  }

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) {
    Json example = examples_.example(split, index);
    example["max_new_tokens"] = options_.max_new_tokens;
    if (!options_.stop.empty()) example["stop"] = options_.stop;
    return example;
  }

  Json score(const Json& samples) const {
    std::vector<std::string> programs;
    Json texts = Json::array();
    for (const auto& sample : samples) {
      const auto& example = sample.at("example");
      programs.push_back(example.value("prefix", "") + sample.at("output").get<std::string>());
      texts.push_back({programs.back(), is_line(example)});
    }
    const auto parse = parses(texts);
    std::size_t next = 0;
    return tasks::score_each(samples, [&](const tasks::Scored& sample) {
      const std::size_t i = next++;
      // A description with nothing after it is Python too, but none that the model wrote.
      return score_one(sample, programs[i], parse[i] && !text::strip(sample.output).empty());
    });
  }

 private:
  Json score_one(const tasks::Scored& sample, const std::string& program, bool parse) const {
    using tasks::metric_json;
    Json scores = {{"parses", metric_json(parse ? 1 : 0)}};
    Json details = Json::object();
    if (!sample.references.empty()) {
      scores["exact_match"] = metric_json(
          metrics::exact_match(sample.output, sample.references, metrics::AnswerForm::raw));
      scores["edit_similarity"] =
          metric_json(metrics::edit_similarity(sample.output, sample.references));
    }
    const auto fields = sample.example.value("fields", Json::object());
    if (fields.contains("tests")) {
      bool passes = false;
      if (parse) passes = run_tests(program, fields["tests"].get<std::string>(), details);
      scores["passes"] = metric_json(passes ? 1 : 0);
    }
    tasks::add_text_statistics(scores, sample);
    return {{"metrics", scores}, {"details", details}};
  }

  // Lines of code without tests are scored as what they are, not as whole programs.
  static bool is_line(const Json& example) {
    if (example.contains("prefix") || example.value("fields", Json::object()).contains("tests")) {
      return false;
    }
    const auto references = example.value("references", std::vector<std::string>());
    return !references.empty() && references.front().find('\n') == std::string::npos;
  }

  std::vector<bool> parses(const Json& texts) const {
    const auto result = tasks::run_in_sandbox(
        {options_.python, "-I", "-c", kParser}, texts.dump(),
        {.seconds = 60, .memory_mb = 2048, .processes = 16, .output_kb = 1024});
    const auto answer = Json::parse(result.output, nullptr, false);
    if (!answer.is_array() || answer.size() != texts.size()) {
      throw sdk::Failure(TRELLIS_INTERNAL,
                         "the parser gave no answer: " + last_line(result.output));
    }
    return answer.get<std::vector<bool>>();
  }

  bool run_tests(const std::string& program, const std::string& tests, Json& details) const {
    const auto marker = fresh_marker();
    const auto result = tasks::run_in_sandbox(
        {options_.python, "-I", "-"}, program + "\n\n" + tests + "\nprint(\"\\n" + marker + "\")\n",
        limits_);
    if (result.exit_code == 0 && last_line(result.output) == marker) return true;
    if (result.timed_out) {
      details["error"] = "ran out of time";
    } else if (result.too_much_output) {
      details["error"] = "printed too much";
    } else {
      details["error"] = last_line(result.output);
    }
    return false;
  }

  std::vector<Json> read(trellis_split split) const {
    const std::array paths = {options_.train, options_.valid, options_.test};
    return tasks::read_json_lines(
        paths.at(static_cast<std::size_t>(split)), split,
        [](const tasks::Record& record, auto) { return std::vector{example_of(record)}; });
  }

  // HumanEval: prompt, canonical_solution, test, entry_point. MBPP: text or prompt, code,
  // test_list. Ours: prompt, canonical_solution, tests. Anything else: source and references.
  static Json example_of(const tasks::Record& record) {
    if (record.has("source")) return tasks::common_example(record);
    Json example = Json::object();
    Json fields = Json::object();
    if (record.has("code")) {
      const auto tests = record.texts("test_list");
      std::string setup;
      if (record.has("test_setup_code")) setup = record.text("test_setup_code") + '\n';
      if (record.has("test_imports")) setup = joined(record.texts("test_imports"));
      example["source"] = record.text(record.has("text") ? "text" : "prompt") + '\n' +
                          (tests.empty() ? "" : tests.front());
      example["references"] = {record.text("code")};
      fields["tests"] = setup + joined(tests);
    } else {
      // Tokenizers join a line's end and the next line's indentation into one token, so after a
      // prompt that ends in white space a model stands where it never stood in training.
      const auto prompt = record.text("prompt");
      const auto end = prompt.find_last_not_of(" \t\r\n") + 1;
      example["prefix"] = prompt.substr(0, end);
      if (record.has("canonical_solution")) {
        example["references"] = {prompt.substr(end) + record.text("canonical_solution")};
      }
      if (record.has("test")) {
        fields["tests"] = record.text("test") + "\ncheck(" + record.text("entry_point") + ")";
      } else if (record.has("tests")) {
        fields["tests"] = record.json()["tests"].is_array() ? joined(record.texts("tests"))
                                                            : record.text("tests");
      }
    }
    example["fields"] = fields;
    return example;
  }

  Options options_;
  tasks::Examples examples_;
  tasks::SandboxLimits limits_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<Code>());

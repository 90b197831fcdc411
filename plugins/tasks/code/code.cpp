/// Code: a signature and a description in, a Python program out; run against unit tests.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>

#include "core/metrics/answers.hpp"
#include "core/metrics/edit_similarity.hpp"
#include "core/text/unicode.hpp"
#include "plugins/tasks/code/python.hpp"
#include "plugins/tasks/data/examples.hpp"
#include "plugins/tasks/data/scoring.hpp"
#include "trellis/sdk/task.hpp"

namespace {

using namespace trellis;
using sdk::Json;

struct Options : tasks::DataOptions {
  Options() {
    stop = {"\ndef ", "\nclass ", "\nprint(", "\nif __name__"};
    max_new_tokens = 192;
  }
  std::string python = "/usr/bin/python3";
  double timeout_seconds = 5;
  std::int64_t memory_mb = 512;
  std::int64_t processes = 16;
  std::int64_t output_kb = 64;
  bool allow_unsandboxed = false;
};

const auto schema = [] {
  sdk::Settings<Options> settings;
  tasks::declare_data(settings);
  tasks::declare_evaluation(settings, "Test problems, JSON Lines.");
  settings.string("python", &Options::python, "The interpreter, below /usr.")
      .number("timeout_seconds", &Options::timeout_seconds, {.above = 0, .at_most = 600},
              "Wall-clock and processor time of one program.")
      .integer("memory_mb", &Options::memory_mb, {.at_least = 64, .at_most = 65536},
               "Memory of one program.")
      .integer("processes", &Options::processes, {.at_least = 1, .at_most = 1024},
               "Processes and threads of one program.")
      .integer("output_kb", &Options::output_kb, {.at_least = 1, .at_most = 65536},
               "What one program may print or write.")
      .boolean(
          "allow_unsandboxed", &Options::allow_unsandboxed,
          "Run programs with these limits only, without bubblewrap: they can do what you can.");
  return settings;
}();

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + '\n';
  return text;
}

class Code {
 public:
  static Json description() {
    return {{"id", "code"},
            {"kind", "task"},
            {"version", "1.2.0"},
            {"summary", "Completes Python programs and runs them against tests in a sandbox."},
            {"reference", "Chen et al. 2021; Austin et al. 2021"},
            {"metrics", tasks::known_metrics({"passes", "parses", "exact_match", "edit_similarity",
                                              "distinct_1", "distinct_2", "repetition", "length"})},
            {"likelihood", true},
            {"settings", schema.description()}};
  }

  explicit Code(const Json& settings)
      : options_(schema.read(settings)),
        examples_(
            options_, "{source}\n{target}\n\n",
            [this](const std::string& path, trellis_split split) { return read(path, split); }) {
    limits_.seconds = options_.timeout_seconds;
    limits_.memory_mb = static_cast<std::uint64_t>(options_.memory_mb);
    limits_.processes = static_cast<std::uint64_t>(options_.processes);
    limits_.output_kb = static_cast<std::uint64_t>(options_.output_kb);
    limits_.walls = !options_.allow_unsandboxed;
  }

  std::uint64_t count(trellis_split split) { return examples_.count(split); }

  Json example(trellis_split split, std::uint64_t index) { return examples_.example(split, index); }

  Json score(const Json& samples) const {
    std::vector<Program> programs;
    for (const auto& sample : samples) programs.push_back(program_of(sample));
    judge(programs);
    std::size_t next = 0;
    return tasks::score_each(
        samples, [&](const tasks::Scored& sample) { return score_one(sample, programs[next++]); });
  }

 private:
  struct Program {
    tasks::Source source;
    std::optional<std::string> tests;
    bool parses = false;
    tasks::Verdict verdict;
  };

  static Program program_of(const Json& sample) {
    const auto& example = sample.at("example");
    const auto fields = example.value("fields", Json::object());
    const auto output = sample.at("output").get<std::string>();
    Program program;
    if (fields.contains("tests")) program.tests = fields["tests"].get<std::string>();
    const bool prompted = fields.value("prompted", false);
    program.source.given = prompted ? fields.value("program", "") : example.value("prefix", "");
    // Behind a prompt, the white space before the program is none of the program's.
    program.source.text = prompted && program.source.given.empty()
                              ? std::string(text::strip(output))
                              : program.source.given + output;
    program.source.is_line = !program.tests && program.source.given.empty() && is_line(example);
    return program;
  }

  // Lines of code without tests are scored as what they are, not as whole programs.
  static bool is_line(const Json& example) {
    const auto references = example.value("references", std::vector<std::string>());
    return !references.empty() && text::strip(references.front()).find('\n') == std::string::npos;
  }

  // Parses all, then runs those that parse and have tests, as many at once as there are threads.
  void judge(std::vector<Program>& programs) const {
    std::vector<tasks::Source> sources;
    for (const auto& program : programs) sources.push_back(program.source);
    const auto parse = tasks::parses(options_.python, sources, limits_.walls);
    std::vector<Program*> queue;
    for (std::size_t i = 0; i < programs.size(); ++i) {
      programs[i].parses = parse[i];
      if (!programs[i].parses) programs[i].verdict.error = "does not parse, or does nothing";
      if (programs[i].parses && programs[i].tests) queue.push_back(&programs[i]);
    }
    std::atomic<std::size_t> next{0};
    std::atomic<bool> stop{false};
    const auto work = [&] {
      for (std::size_t i = next++; i < queue.size() && !stop; i = next++) {
        auto& program = *queue[i];
        program.verdict =
            tasks::run_tests(options_.python, program.source.text, *program.tests, limits_);
      }
    };
    std::vector<std::future<void>> workers;
    const auto count = std::min<std::size_t>(queue.size(), std::max(1, sdk::threads()));
    for (std::size_t i = 0; i < count; ++i) {
      workers.push_back(std::async(std::launch::async, work));
    }
    // Only this thread may ask the host, which also learns from it that the plugin lives.
    for (auto& worker : workers) {
      while (worker.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) {
        if (sdk::cancelled()) stop = true;
      }
    }
    for (auto& worker : workers) worker.get();
    if (stop) throw sdk::Failure(TRELLIS_CANCELLED, "scoring was cancelled");
  }

  Json score_one(const tasks::Scored& sample, const Program& program) const {
    using tasks::metric_json;
    Json scores = {{"parses", metric_json(program.parses ? 1 : 0)}};
    Json details = Json::object();
    if (!sample.references.empty()) {
      scores["exact_match"] = metric_json(
          metrics::exact_match(sample.output, sample.references, metrics::AnswerForm::raw));
      scores["edit_similarity"] =
          metric_json(metrics::edit_similarity(sample.output, sample.references));
    }
    if (program.tests) {
      const auto& verdict = program.verdict;
      scores["passes"] = metric_json(verdict.passed ? 1 : 0);
      if (!verdict.error.empty()) details["error"] = verdict.error;
      if (!verdict.output.empty()) details["output"] = verdict.output;
    }
    if (!limits_.walls) details["unsandboxed"] = true;
    tasks::add_text_statistics(scores, sample);
    return {{"metrics", scores}, {"details", details}};
  }

  std::vector<Json> read(const std::string& path, trellis_split split) const {
    return tasks::read_json_lines(path, split, [this](const tasks::Record& record, auto) {
      return std::vector{example_of(record)};
    });
  }

  // HumanEval: prompt, canonical_solution, test, entry_point. MBPP: text or prompt, code,
  // test_list. Ours: prompt, canonical_solution, tests. Anything else: source and references.
  Json example_of(const tasks::Record& record) const {
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
      if (!options_.prompt.empty()) fields["program"] = example["prefix"];
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

#include "plugins/tasks/code/python.hpp"

#include <random>

namespace trellis::tasks {
namespace {

using sdk::Json;

// A line that is one part of a statement is completed to a whole one.
constexpr const char* kParser = R"(
import ast, json, sys, warnings
warnings.simplefilter("ignore")
WHOLE = [("", ""), ("", " pass"), ("if x: pass\n", " pass"), ("try: pass\n", " pass"),
         ("", " pass\nfinally: pass"), ("", "\ndef f(): pass")]
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPOUND = FUNCTION + (ast.ClassDef, ast.If, ast.For, ast.AsyncFor, ast.While, ast.With,
                       ast.AsyncWith, ast.Try, ast.Match)
IDLE = (ast.Pass, ast.Global, ast.Nonlocal)
EFFECT = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
def tree_of(text):
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
def acts(node):
    if not isinstance(node, ast.stmt) or isinstance(node, COMPOUND + IDLE):
        return False
    return not isinstance(node, ast.Expr) or any(isinstance(n, EFFECT) for n in ast.walk(node))
def does_something(text, given):
    tree = tree_of(text)
    if tree is None:
        return False
    lines = given.split("\n")
    end = (len(lines), len(lines[-1].encode()))
    begun = [n for n in ast.walk(tree) if isinstance(n, FUNCTION) and (n.lineno, n.col_offset) < end]
    inside = max(begun, key=lambda n: n.lineno) if begun else tree
    try:
        return any(acts(n) and (n.lineno, n.col_offset) >= end for n in ast.walk(inside))
    except RecursionError:
        return False
def is_statement(text):
    tree = tree_of(text)
    return tree is not None and bool(tree.body)
def judge(text, given, is_line):
    if not is_line:
        return does_something(text, given)
    line = text.strip()
    if line[:1] in ("", "#"):
        return False
    return any(is_statement(before + line + after) for before, after in WHOLE)
print(json.dumps([judge(*source) for source in json.load(sys.stdin)]))
)";

// Standard input is closed before the program begins, so it finds neither the tests nor the word
// that tells of the end there; nor is the word a constant of its code. What the runner needs
// afterwards it holds already, so that patching the language's own functions changes nothing.
constexpr const char* kRunner = R"(
import json, os, sys, types
job = json.load(sys.stdin)
os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
module = types.ModuleType("__main__")
sys.modules["__main__"] = module
def run(program, tests, word, execute=exec, say=os.write):
    program = compile(program, "<program>", "exec")
    tests = compile(tests, "<tests>", "exec")
    execute(program, module.__dict__)
    execute(tests, module.__dict__)
    say(1, word)
run(job.pop("program"), job.pop("tests"), ("\n" + job.pop("word") + "\n").encode())
)";

constexpr std::size_t kKeptOutput = 2000;  // bytes at its end

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of("\r\n");
  if (end == std::string::npos) return {};
  const auto begin = text.find_last_of('\n', end);
  return text.substr(begin + 1, end - begin);
}

// A program that ends early by itself has not passed: it cannot know what is printed at its end.
std::string fresh_word() {
  std::random_device device;
  return "trellis-" + std::to_string(device()) + std::to_string(device());
}

// Programs may print anything; what is kept is text, cut before a character.
std::string kept_end(const std::string& output) {
  std::size_t begin = output.size() > kKeptOutput ? output.size() - kKeptOutput : 0;
  while (begin < output.size() && (static_cast<unsigned char>(output[begin]) & 0xC0U) == 0x80U) {
    ++begin;
  }
  return output.substr(begin);
}

}  // namespace

std::vector<bool> parses(const std::string& python, const std::vector<Source>& sources,
                         bool walls) {
  Json texts = Json::array();
  for (const auto& source : sources) {
    texts.push_back({source.text, source.given, source.is_line});
  }
  SandboxLimits limits{.seconds = 60, .memory_mb = 2048, .processes = 16, .output_kb = 1024};
  limits.walls = walls;
  const auto result = run_in_sandbox({python, "-I", "-c", kParser}, sdk::write_json(texts), limits);
  const auto answer = Json::parse(result.output, nullptr, false);
  if (!answer.is_array() || answer.size() != sources.size()) {
    throw sdk::Failure(TRELLIS_INTERNAL, "the parser gave no answer: " + last_line(result.output));
  }
  return answer.get<std::vector<bool>>();
}

Verdict run_tests(const std::string& python, const std::string& program, const std::string& tests,
                  const SandboxLimits& limits) {
  const auto word = fresh_word();
  const Json job = {{"program", program}, {"tests", tests}, {"word", word}};
  const auto result =
      run_in_sandbox({python, "-I", "-u", "-c", kRunner}, sdk::write_json(job), limits);
  Verdict verdict;
  verdict.passed = result.exit_code == 0 && last_line(result.output) == word;
  if (verdict.passed) return verdict;
  verdict.output = kept_end(result.output);
  if (result.timed_out) {
    verdict.error = "ran out of time";
  } else if (result.too_much_output) {
    verdict.error = "printed too much";
  } else {
    verdict.error = last_line(result.output);
    if (verdict.error.empty()) {
      verdict.error = "ended early with exit code " + std::to_string(result.exit_code);
    }
  }
  return verdict;
}

}  // namespace trellis::tasks

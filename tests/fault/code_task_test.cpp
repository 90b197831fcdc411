// The code task against programs that nobody would want to run.
#include <gmock/gmock.h>

#include <optional>

#include "core/plugin/task.hpp"
#include "tests/abi/host.hpp"

namespace trellis::tests {
namespace {

using plugin::Kind;
using testing::HasSubstr;

class CodeTask : public testing::Test {
 protected:
  // Scores of one output after `prompt`, or nothing where this system cannot build the sandbox.
  std::optional<plugin::Scores> score(const std::string& output, const char* tests,
                                      const std::string& prompt = "def f(n):\n") {
    plugin::Example example;
    example.id = "test-1";
    example.prefix = prompt;
    example.references = {"return n + 1"};
    if (tests != nullptr) example.fields = {{"tests", tests}};
    try {
      return task_.score({&example, 1}, std::vector<plugin::Output>{{output, "eos", {}}}).front();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("bubblewrap"));
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return std::nullopt;
    }
  }

  void expect(const std::string& output, double parses, double passes) {
    const auto scores = score(output, "assert f(1) == 2\n");
    if (!scores) return;
    EXPECT_EQ(scores->metrics.find("parses")->second.value, parses) << output;
    EXPECT_EQ(scores->metrics.find("passes")->second.value, passes) << output;
  }

  plugin::Registry registry_{{built_plugins()}, quiet_host()};
  plugin::Task task_ =
      plugin::Task::create(registry_, "code",
                           plugin::complete_settings(registry_.get(Kind::task, "code").settings,
                                                     {{"timeout_seconds", 20}, {"output_kb", 1}}));
};

TEST_F(CodeTask, PassesWhatIsRight) {
  expect("    return n + 1\n", 1, 1);
  expect("    return n\n", 1, 0);
  expect("    return n +\n", 0, 0);
  expect("  \tif", 0, 0);
  const std::string described = "def f(n):\n    \"\"\"Return one more.\"\"\"\n";
  const auto nothing = score("    \n", "assert f(1) == 2\n", described);
  if (nothing) {
    EXPECT_EQ(nothing->metrics.find("parses")->second.value, 0);
  }
}

TEST_F(CodeTask, IsNotFooledByAnEarlyEnd) {
  for (const auto* call :
       {"os._exit(0)", "sys.exit(0)", "os.kill(os.getpid(), 9)", "sys.exit(126)",
        "print('bwrap: no'); sys.exit(1)", "os.close(1)", "print('x' * 100000)"}) {
    expect(std::string("    return n\nimport os, sys\n") + call + "\n", 1, 0);
  }
}

TEST_F(CodeTask, GivesNoWordAwayThatWouldFeignAPass) {
  for (const auto* theft :
       {"print([c for c in sys._getframe().f_code.co_consts if 'trellis-' in str(c)][0])",
        "print(open('/proc/self/fd/0').read().split('\"word\":\"')[1].split('\"')[0])",
        "print(open('/proc/self/cmdline').read().split('trellis-')[1])",
        "print('trellis-' + '1' * 20)"}) {
    // Whatever was printed, the process ends as if all were well.
    expect(std::string("    return n\nimport os, sys\ntry:\n    ") + theft +
               "\n    sys.stdout.flush()\nfinally:\n    os._exit(0)\n",
           1, 0);
  }
}

TEST_F(CodeTask, IsNotFooledByAPatchedChecker) {
  for (const auto* patch :
       {"import builtins\nbuiltins.AssertionError = SystemExit\n",
        "import builtins\nbuiltins.compile = builtins.exec = lambda *a: None\n",
        "import atexit, os\natexit.register(lambda: os._exit(0))\n",
        "import sys\nsys.excepthook = lambda *a: None\nsys.stderr = sys.stdout = None\n",
        "import sys\nsys.settrace(lambda *a: None)\nsys.modules.clear()\n",
        "import signal, os\nsignal.alarm(1)\nsignal.signal(signal.SIGALRM, lambda *a: "
        "os._exit(0))\n"
        "import time\ntime.sleep(3)\n"}) {
    expect(std::string("    return n\n") + patch, 1, 0);
  }
}

TEST_F(CodeTask, KeepsVerdictAndOutputOfEachAttempt) {
  const auto wrong = score("    print('trying')\n    return n\n", "assert f(1) == 2, 'not two'\n");
  if (!wrong) return;
  EXPECT_EQ(wrong->details.at("error"), "AssertionError: not two");
  EXPECT_THAT(wrong->details.at("output").get<std::string>(),
              testing::AllOf(HasSubstr("trying"), HasSubstr("Traceback")));
  EXPECT_THAT(score("    return (\n", "assert 1\n")->details.at("error").get<std::string>(),
              HasSubstr("does not parse"));
  EXPECT_TRUE(score("    return n + 1\n", "assert f(1) == 2\n")->details.empty());
}

TEST_F(CodeTask, DoesNotTakeIdlenessForAProgram) {
  const std::string described = "def f(n):\n    \"\"\"Return one more.\"\"\"";
  for (const auto* idle :
       {"", "\n", "\n    pass\n", "\n    n\n", "\n    \"Nothing.\"\n", "\n    ...\n", "\nx = 1\n",
        "\n    # return n\n", "\n    if n: pass\n"}) {
    const auto scores = score(idle, "assert f(1) == 2\n", described);
    if (!scores) return;
    EXPECT_EQ(scores->metrics.find("parses")->second.value, 0) << idle;
  }
  for (const auto* busy :
       {"\n    return n\n", "\n    if n: print(n)\n", "\n    n += 1; raise n\n"}) {
    EXPECT_EQ(score(busy, "assert f(1) == 2\n", described)->metrics.find("parses")->second.value, 1)
        << busy;
  }
}

TEST_F(CodeTask, RunsWithoutWallsOnlyWhenToldTo) {
  auto task = plugin::Task::create(
      registry_, "code",
      plugin::complete_settings(registry_.get(Kind::task, "code").settings,
                                {{"allow_unsandboxed", true}, {"timeout_seconds", 20}}));
  plugin::Example example;
  example.id = "test-1";
  example.prefix = "def f(n):\n";
  example.fields = {{"tests", "assert f(1) == 2\n"}};
  const auto scores =
      task.score({&example, 1}, std::vector<plugin::Output>{{"    return n + 1\n", "eos", {}}});
  EXPECT_EQ(scores.front().metrics.find("passes")->second.value, 1);
  EXPECT_EQ(scores.front().details.at("unsandboxed"), true);
}

TEST_F(CodeTask, ParsesWhatWouldBreakAParser) {
  for (const std::string part : {"(", "-", "[", "not ", "lambda:", "a.", "1+", "{", "f(", "\x01"}) {
    std::string text = "    return ";
    for (int i = 0; i < 20000; ++i) text += part;
    expect(text, 0, 0);
  }
}

TEST_F(CodeTask, ParsesLinesThatArePartOfAStatement) {
  for (const auto* line : {"else :", "if a == b :", "elif a :", "try :", "except KeyError as e :",
                           "finally :", "@ property", "def f ( self ) :", "return x", "x = 1"}) {
    const auto scores = score(line, nullptr, "");
    if (!scores) return;
    // The reference is one line without tests, so the output is judged as a line.
    EXPECT_EQ(scores->metrics.find("parses")->second.value, 1) << line;
    EXPECT_FALSE(scores->metrics.contains("passes"));
  }
  for (const auto* line : {"", "   ", "if a", "else", "x = :", "return return", "# nothing"}) {
    const auto scores = score(line, nullptr, "");
    if (!scores) return;
    EXPECT_EQ(scores->metrics.find("parses")->second.value, 0) << line;
  }
}

}  // namespace
}  // namespace trellis::tests

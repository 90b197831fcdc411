/// What runs inside the sandbox: whether programs are Python, and whether they pass their tests.
#pragma once

#include <string>
#include <vector>

#include "plugins/tasks/code/sandbox.hpp"
#include "trellis/sdk/plugin.hpp"

namespace trellis::tasks {

/// One text to be parsed.
struct Source {
  std::string text;
  std::string given;     ///< the beginning of it that the model was shown
  bool is_line = false;  ///< a line of code, perhaps a part of a statement such as `else:`
};

/// For each text: whether it is Python that does something. A line must be a statement or the
/// beginning of one. Of anything else the model must have written a statement that does more than
/// nothing (`pass`, a name, a string do nothing), and where a function was begun for it, in that
/// function. Throws sdk::Failure when there is no sandbox.
std::vector<bool> parses(const std::string& python, const std::vector<Source>& sources, bool walls);

struct Verdict {
  bool passed = false;
  std::string error;   ///< why not: the exception's line, or which limit was met
  std::string output;  ///< the end of what it printed, standard error included
};

/// Runs the program and then the tests in one interpreter. It has passed when both came to their
/// end: a program that ends the process itself has not, whatever its exit code.
Verdict run_tests(const std::string& python, const std::string& program, const std::string& tests,
                  const SandboxLimits& limits);

}  // namespace trellis::tasks

/// What a model is shown of an example: the example itself, or a text made of it by a template,
/// with solved examples before it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "trellis/sdk/plugin.hpp"

namespace trellis::tasks {

using sdk::Json;

/// A template such as "Question: {question}\nAnswer: {target}\n\n". {name} stands for a field of
/// the example, {target} for its first reference, {{ and }} for braces. What stands before {target}
/// is the prompt, what stands behind it ends an answer.
class PromptTemplate {
 public:
  /// Throws Failure(invalid_argument) "prompt = ...: ..." when a brace is not closed, or when
  /// {target} is not there exactly once.
  explicit PromptTemplate(const std::string& text);

  /// The example as a prompt without an answer: "prefix" holds `shots` and what stands before
  /// {target}, the references begin with the white space before {target}, and "source" is gone.
  /// Throws Failure(invalid_argument) naming the fields there are, when the example lacks one.
  Json prompt(const Json& example, const std::string& shots) const;
  /// The example with its answer.
  std::string solved(const Json& example) const;

  /// What ends an answer; may be empty.
  const std::string& end() const { return end_; }

 private:
  struct Piece {
    std::string text;
    bool is_field = false;
    std::size_t column = 0;  // of a field in the template, counted from 1 in characters
  };
  std::string filled(const Json& example) const;
  std::string field(const Json& example, const Piece& piece) const;
  [[noreturn]] void fail(const std::string& why) const;

  std::string written_;
  std::vector<Piece> pieces_;  // before {target}
  std::string gap_;            // white space before {target}
  std::string end_;
};

}  // namespace trellis::tasks

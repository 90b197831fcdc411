/// Expressions of chat templates: see chat_template.hpp for the language.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::text {

/// What names stand for, the innermost scope last. A value that is not there is null.
struct TemplateScopes {
  std::vector<std::map<std::string, nlohmann::json, std::less<>>> scopes;
  /// The value of a name, or nullptr.
  const nlohmann::json* find(std::string_view name) const;
};

struct TemplateExpression {
  enum class Kind {
    literal,
    name,
    member,
    slice,
    negation,
    minus,
    add,
    join,
    subtract,
    remainder,
    equal,
    unequal,
    less,
    greater,
    less_equal,
    greater_equal,
    contains,
    both,
    either,
    filter,
    test,
    raise
  };
  Kind kind = Kind::literal;
  nlohmann::json value;  ///< of a literal
  std::string name;      ///< of a name, filter or test
  std::size_t line = 0;
  std::vector<TemplateExpression> parts;  ///< operands; of a slice: value, first, last

  /// Throws Error(usage) for what cannot be computed.
  nlohmann::json evaluate(const TemplateScopes& scopes) const;
};

/// Reads one expression from the front of `text`, which then begins behind it. Throws
/// Error(bad_data) for what is not known.
TemplateExpression parse_expression(std::string_view& text, std::size_t line);

/// What counts as true in a condition.
bool is_true(const nlohmann::json& value);

/// The next word (letters, digits, _) of `text`, which then begins behind it; empty if there is
/// none.
std::string_view take_word(std::string_view& text);
void skip_space(std::string_view& text);

/// One line about what stands in a line of the template.
std::string template_message(std::size_t line, const std::string& what);
[[noreturn]] void refuse_template(std::size_t line, const std::string& what);

}  // namespace trellis::text

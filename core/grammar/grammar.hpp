/// What a text may be: a context-free grammar over Unicode text. Regular expressions, JSON schemas
/// and GBNF files become one of these; `automaton.hpp` runs it byte by byte.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trellis::grammar {

/// Code points, both ends included.
struct CodePointRange {
  char32_t first = 0;
  char32_t last = 0;
};

struct Expression;
using Expressions = std::vector<Expression>;

struct Expression {
  enum class Kind {
    text,        ///< exactly `text`; empty text is nothing
    characters,  ///< one code point of `ranges`
    sequence,    ///< all of `parts`, in order
    choice,      ///< one of `parts`
    repeat,      ///< parts[0], `least` to `most` times
    rule         ///< what the rule number `rule` is
  };
  Kind kind = Kind::text;
  std::string text;  ///< UTF-8
  std::vector<CodePointRange> ranges;
  Expressions parts;
  std::size_t least = 0;
  std::optional<std::size_t> most;  ///< nothing: any number
  std::size_t rule = 0;
};

Expression text_of(std::string_view text);
Expression characters_of(std::vector<CodePointRange> ranges);
Expression sequence_of(Expressions parts);
Expression choice_of(Expressions parts);
Expression repeat_of(Expression part, std::size_t least, std::optional<std::size_t> most);
Expression rule_of(std::size_t rule);

/// All code points that are in none of the ranges; surrogates are no code points of a text.
std::vector<CodePointRange> complement(std::vector<CodePointRange> ranges);

struct Rule {
  std::string name;
  Expression body;
};

struct Grammar {
  std::vector<Rule> rules;
  std::size_t root = 0;
};

/// Throws Error(usage) for a rule that begins with itself, which no reader from left to right can
/// follow, and for one that can never end.
void check(const Grammar& grammar);

/// A regular expression that the whole text must match. Known are literals, escapes (\d \w \s \n \t
/// \r \f \v \xHH \uHHHH \u{H...} and any mark), classes, the dot (no line end), groups, | * + ? and
/// {m,n}; ^ at the beginning and $ at the end say nothing new. \d, \w and \s are ASCII. Throws
/// Error(usage) for all else, with the place.
Expression read_regex(std::string_view pattern);
Grammar regex_grammar(std::string_view pattern);

/// GBNF, the notation of llama.cpp: rules `name ::= alternatives` of "text", [classes], the dot,
/// names, groups, * + ? {m,n}; # begins a comment. The rule "root" is the whole text. Throws
/// Error(usage) with line and column.
Grammar read_gbnf(std::string_view source);

/// JSON texts that a JSON Schema (draft 2020-12) allows, in a fixed form: an object's keys come in
/// the schema's order, and one space may stand after a comma or colon. Known are type, enum, const,
/// properties, required, additionalProperties, items, prefixItems, minItems, maxItems, minLength,
/// maxLength, pattern, anyOf, oneOf (as anyOf), allOf of one, and $ref within the document;
/// annotations are not looked at. Throws Error(usage) for all else, with the place as a JSON
/// Pointer.
Grammar read_json_schema(std::string_view schema);

}  // namespace trellis::grammar

#include "core/grammar/grammar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/error.hpp"

namespace trellis::grammar {
namespace {

using Kind = Expression::Kind;

/// Whether an expression is so, given which rules are known to be so; asked again until no more
/// rules turn out to be.
using Question = std::function<bool(const Expression&, const std::vector<bool>&)>;

std::vector<bool> answer(const Grammar& grammar, const Question& question) {
  std::vector<bool> known(grammar.rules.size(), false);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t rule = 0; rule < known.size(); ++rule) {
      if (known[rule] || !question(grammar.rules[rule].body, known)) continue;
      known[rule] = true;
      changed = true;
    }
  }
  return known;
}

bool can_be_empty(const Expression& expression, const std::vector<bool>& rules) {
  const auto empty = [&](const Expression& part) { return can_be_empty(part, rules); };
  switch (expression.kind) {
    case Kind::text:
      return expression.text.empty();
    case Kind::characters:
      return false;
    case Kind::sequence:
      return std::all_of(expression.parts.begin(), expression.parts.end(), empty);
    case Kind::choice:
      return std::any_of(expression.parts.begin(), expression.parts.end(), empty);
    case Kind::repeat:
      return expression.least == 0 || empty(expression.parts.front());
    case Kind::rule:
      return rules[expression.rule];
  }
  return false;
}

bool can_end(const Expression& expression, const std::vector<bool>& rules) {
  const auto ends = [&](const Expression& part) { return can_end(part, rules); };
  switch (expression.kind) {
    case Kind::text:
      return true;
    case Kind::characters:
      return !expression.ranges.empty();
    case Kind::sequence:
      return std::all_of(expression.parts.begin(), expression.parts.end(), ends);
    case Kind::choice:
      return std::any_of(expression.parts.begin(), expression.parts.end(), ends);
    case Kind::repeat:
      return expression.least == 0 || ends(expression.parts.front());
    case Kind::rule:
      return rules[expression.rule];
  }
  return false;
}

/// The rules that may stand at the very beginning.
void collect_first(const Expression& expression, const std::vector<bool>& empty,
                   std::vector<std::size_t>& first) {
  switch (expression.kind) {
    case Kind::text:
    case Kind::characters:
      return;
    case Kind::sequence:
      for (const auto& part : expression.parts) {
        collect_first(part, empty, first);
        if (!can_be_empty(part, empty)) return;
      }
      return;
    case Kind::choice:
    case Kind::repeat:
      for (const auto& part : expression.parts) collect_first(part, empty, first);
      return;
    case Kind::rule:
      first.push_back(expression.rule);
  }
}

using Edges = std::vector<std::vector<std::size_t>>;

bool reaches_itself(const Edges& edges, std::size_t start) {
  std::vector<bool> seen(edges.size(), false);
  std::vector<std::size_t> open = {start};
  while (!open.empty()) {
    const auto rule = open.back();
    open.pop_back();
    for (const auto next : edges[rule]) {
      if (next == start) return true;
      if (!seen[next]) open.push_back(next);
      seen[next] = true;
    }
  }
  return false;
}

void refuse_left_recursion(const Grammar& grammar) {
  const auto empty = answer(grammar, can_be_empty);
  Edges first(grammar.rules.size());
  for (std::size_t rule = 0; rule < first.size(); ++rule)
    collect_first(grammar.rules[rule].body, empty, first[rule]);
  for (std::size_t rule = 0; rule < first.size(); ++rule) {
    if (!reaches_itself(first, rule)) continue;
    throw Error(Fault::usage, fmt::format("rule \"{}\" begins with itself; write it as a "
                                          "repetition: a ::= b c* instead of a ::= a c | b",
                                          grammar.rules[rule].name));
  }
}

/// The rules that stand anywhere in it.
void collect_rules(const Expression& expression, std::vector<std::size_t>& rules) {
  if (expression.kind == Kind::rule) rules.push_back(expression.rule);
  for (const auto& part : expression.parts) collect_rules(part, rules);
}

// Of those without an end the first that needs itself is to blame: others may only need that one.
void refuse_endless(const Grammar& grammar) {
  const auto ends = answer(grammar, can_end);
  Edges needs(grammar.rules.size());
  for (std::size_t rule = 0; rule < needs.size(); ++rule) {
    if (!ends[rule]) collect_rules(grammar.rules[rule].body, needs[rule]);
  }
  const auto refuse = [&](std::size_t rule) {
    throw Error(Fault::usage, fmt::format("rule \"{}\" can never end: whatever is chosen in it "
                                          "needs something that has no end",
                                          grammar.rules[rule].name));
  };
  for (std::size_t rule = 0; rule < needs.size(); ++rule) {
    if (!ends[rule] && reaches_itself(needs, rule)) refuse(rule);
  }
  const auto found = std::find(ends.begin(), ends.end(), false);
  if (found != ends.end()) refuse(static_cast<std::size_t>(found - ends.begin()));
}

Expression with_parts(Kind kind, Expressions parts) {
  if (parts.size() == 1) return std::move(parts.front());
  Expression expression;
  expression.kind = kind;
  expression.parts = std::move(parts);
  return expression;
}

}  // namespace

Expression text_of(std::string_view text) {
  Expression expression;
  expression.text = text;
  return expression;
}

Expression characters_of(std::vector<CodePointRange> ranges) {
  Expression expression;
  expression.kind = Kind::characters;
  expression.ranges = std::move(ranges);
  return expression;
}

Expression sequence_of(Expressions parts) {
  return with_parts(Kind::sequence, std::move(parts));
}

Expression choice_of(Expressions parts) {
  return with_parts(Kind::choice, std::move(parts));
}

Expression repeat_of(Expression part, std::size_t least, std::optional<std::size_t> most) {
  Expression expression;
  expression.kind = Kind::repeat;
  expression.parts.push_back(std::move(part));
  expression.least = least;
  expression.most = most;
  return expression;
}

Expression rule_of(std::size_t rule) {
  Expression expression;
  expression.kind = Kind::rule;
  expression.rule = rule;
  return expression;
}

std::vector<CodePointRange> complement(std::vector<CodePointRange> ranges) {
  constexpr char32_t kLast = 0x10FFFF;
  ranges.push_back({0xD800, 0xDFFF});
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<CodePointRange> out;
  char32_t next = 0;
  for (const auto& range : ranges) {
    if (range.first > next) out.push_back({next, range.first - 1});
    next = std::max<char32_t>(next, range.last + 1);
  }
  if (next <= kLast) out.push_back({next, kLast});
  return out;
}

void check(const Grammar& grammar) {
  refuse_endless(grammar);
  refuse_left_recursion(grammar);
}

}  // namespace trellis::grammar

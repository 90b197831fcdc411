#include "core/grammar/automaton.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "core/error.hpp"
#include "core/text/unicode.hpp"

namespace trellis::grammar {
namespace {

using Kind = Expression::Kind;

constexpr std::size_t kMostNodes = 1'000'000;

// The UTF-8 of a range of code points, as ranges of bytes side by side: cut where the number of
// bytes changes, and where a byte before the last would not run through all of its values.
template <typename Emit>
void utf8_ranges(char32_t first, char32_t last, const Emit& emit) {
  if (first > last) return;
  for (const char32_t limit : {0x7FU, 0x7FFU, 0xD7FFU, 0xDFFFU, 0xFFFFU}) {
    if (first <= limit && limit < last) {
      utf8_ranges(first, limit, emit);
      utf8_ranges(limit + 1, last, emit);
      return;
    }
  }
  if (first >= 0xD800 && last <= 0xDFFF) return;  // surrogates are no text
  std::string low;
  text::append_utf8(first, low);
  for (std::size_t tail = 1; tail < low.size(); ++tail) {
    const char32_t mask = (char32_t{1} << (6 * tail)) - 1;
    if ((first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      utf8_ranges(first, first | mask, emit);
      utf8_ranges((first | mask) + 1, last, emit);
      return;
    }
    if ((last & mask) != mask) {
      utf8_ranges(first, (last & ~mask) - 1, emit);
      utf8_ranges(last & ~mask, last, emit);
      return;
    }
  }
  std::string high;
  text::append_utf8(last, high);
  emit(low, high);
}

class Compiler {
 public:
  explicit Compiler(const Grammar& grammar) : grammar_(grammar) {
    for (std::size_t rule = 0; rule < grammar.rules.size(); ++rule) entries_.push_back(add());
    for (std::size_t rule = 0; rule < grammar.rules.size(); ++rule)
      nodes_[build(grammar.rules[rule].body, entries_[rule])].end = true;
    mark_ends();
  }

  Automaton automaton() { return {std::move(nodes_), entries_[grammar_.root]}; }

 private:
  std::uint32_t add() {
    if (nodes_.size() == kMostNodes)
      throw Error(Fault::usage, "the grammar is too large: fewer or smaller repetitions");
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }

  std::uint32_t after(std::uint32_t from) {
    const auto to = add();
    nodes_[from].empty.push_back(to);
    return to;
  }

  void connect(std::uint32_t from, std::uint32_t to) { nodes_[from].empty.push_back(to); }

  // Adds what an expression allows from `from` on, which has no edges yet. Returns where it ends, a
  // node without edges.
  std::uint32_t build(const Expression& expression, std::uint32_t from) {
    switch (expression.kind) {
      case Kind::text:
        for (const char byte : expression.text) {
          const auto value = static_cast<std::uint8_t>(byte);
          const auto to = add();
          nodes_[from].bytes.push_back({value, value, to});
          from = to;
        }
        return from;
      case Kind::characters:
        return build_characters(expression.ranges, from);
      case Kind::sequence:
        for (const auto& part : expression.parts) from = build(part, from);
        return from;
      case Kind::choice: {
        const auto end = add();
        for (const auto& part : expression.parts) connect(build(part, after(from)), end);
        return end;
      }
      case Kind::repeat:
        return build_repeat(expression, from);
      case Kind::rule:
        break;
    }
    const auto back = add();
    nodes_[from].call = entries_[expression.rule];
    nodes_[from].back = back;
    return back;
  }

  std::uint32_t build_characters(const std::vector<CodePointRange>& ranges, std::uint32_t from) {
    const auto end = add();
    for (const auto& range : ranges) {
      utf8_ranges(range.first, range.last, [&](const std::string& low, const std::string& high) {
        auto node = from;
        for (std::size_t i = 0; i < low.size(); ++i) {
          const auto to = i + 1 < low.size() ? add() : end;
          nodes_[node].bytes.push_back(
              {static_cast<std::uint8_t>(low[i]), static_cast<std::uint8_t>(high[i]), to});
          node = to;
        }
      });
    }
    return end;
  }

  std::uint32_t build_repeat(const Expression& expression, std::uint32_t from) {
    const auto& part = expression.parts.front();
    for (std::size_t i = 0; i < expression.least; ++i) from = build(part, from);
    if (!expression.most) {
      const auto loop = after(from);
      const auto end = add();
      connect(loop, end);
      connect(build(part, after(loop)), loop);
      return end;
    }
    const auto end = add();
    for (std::size_t i = expression.least; i < *expression.most; ++i) {
      connect(from, end);
      from = build(part, after(from));
    }
    connect(from, end);
    return end;
  }

  // A call at a rule's end need not come back: lists that call themselves last stay flat.
  void mark_ends() {
    for (bool changed = true; changed;) {
      changed = false;
      for (auto& node : nodes_) {
        if (node.ends_at_once || !node.bytes.empty() || node.call != Node::kNone) continue;
        const bool only_ends = std::all_of(node.empty.begin(), node.empty.end(),
                                           [&](auto to) { return nodes_[to].ends_at_once; });
        if (!only_ends || (node.empty.empty() && !node.end)) continue;
        node.ends_at_once = true;
        changed = true;
      }
    }
  }

  const Grammar& grammar_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> entries_;  // by rule
};

}  // namespace

Automaton compile(const Grammar& grammar) {
  check(grammar);
  return Compiler(grammar).automaton();
}

}  // namespace trellis::grammar

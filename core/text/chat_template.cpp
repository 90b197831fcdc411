#include "core/text/chat_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/text/template_expression.hpp"

namespace trellis::text {

/// A stretch of a template: parts one after another.
struct ChatTemplate::Block {
  struct Part {
    enum class Kind { text, output, loop, choice, assignment } kind = Kind::text;
    std::string text;  // or the name of a loop's or an assignment's variable
    std::size_t line = 0;
    std::vector<TemplateExpression> conditions;  // of the bodies; also output, list and value
    std::vector<Block> bodies;                   // a choice may have one more than conditions
  };
  std::vector<Part> parts;
};

namespace {

using nlohmann::json;
using Block = ChatTemplate::Block;
using Part = Block::Part;
using Kind = Part::Kind;

constexpr std::size_t kLongest = 1 << 20;  // bytes of a template, and of what it makes times 64
constexpr std::size_t kDeepest = 32;       // statements in each other

// A piece of the source between delimiters.
struct TemplatePiece {
  enum class Kind { text, output, statement } kind = Kind::text;
  std::string_view content;
  std::size_t line = 1;
};

void strip_end(std::string_view& text, std::string_view characters) {
  const auto last = text.find_last_not_of(characters);
  text = text.substr(0, last == text.npos ? 0 : last + 1);
}

// A statement's spaces before it on its line, which count for nothing.
void strip_line_begin(std::string_view& text) {
  const auto last = text.find_last_not_of(" \t");
  if (last == text.npos) {
    text = {};
  } else if (text[last] == '\n') {
    text = text.substr(0, last + 1);
  }
}

std::vector<TemplatePiece> split(std::string_view source) {
  std::vector<TemplatePiece> pieces;
  std::size_t line = 1;
  bool at_begin = true;  // of the source or of a line
  while (!source.empty()) {
    std::size_t open = source.find('{');
    while (open != source.npos && open + 1 < source.size() && source[open + 1] != '{' &&
           source[open + 1] != '%' && source[open + 1] != '#')
      open = source.find('{', open + 1);
    if (open == source.npos || open + 1 >= source.size()) {
      pieces.push_back({TemplatePiece::Kind::text, source, line});
      return pieces;
    }
    const char sign = source[open + 1];
    std::string_view before = source.substr(0, open);
    const std::string end = sign == '{' ? "}}" : sign == '%' ? "%}" : "#}";
    const std::size_t close = source.find(end, open + 2);
    if (close == source.npos)
      refuse_template(line, fmt::format("\"{}\" has no end", source.substr(open, 2)));
    std::string_view content = source.substr(open + 2, close - open - 2);
    std::string_view after = source.substr(close + 2);
    const bool strip_before = content.starts_with('-');
    const bool strip_after = content.ends_with('-');
    if (strip_before) content.remove_prefix(1);
    if (strip_after && !content.empty()) content.remove_suffix(1);
    const auto before_lines = std::ranges::count(before, '\n');
    if (sign != '{' && (at_begin || before.find('\n') != before.npos)) strip_line_begin(before);
    if (strip_before) strip_end(before, " \t\r\n");
    if (!before.empty()) pieces.push_back({TemplatePiece::Kind::text, before, line});
    line += static_cast<std::size_t>(before_lines);
    if (sign != '#')
      pieces.push_back({sign == '{' ? TemplatePiece::Kind::output : TemplatePiece::Kind::statement,
                        content, line});
    line += static_cast<std::size_t>(std::ranges::count(content, '\n'));
    at_begin = false;
    const std::size_t whole = after.size();
    if (strip_after) {
      skip_space(after);
    } else if (sign != '{' && after.starts_with('\n')) {
      after.remove_prefix(1);
      at_begin = true;
    }
    const auto skipped = source.substr(close + 2, whole - after.size());
    line += static_cast<std::size_t>(std::ranges::count(skipped, '\n'));
    source = after;
  }
  return pieces;
}

class BlockParser {
 public:
  explicit BlockParser(std::vector<TemplatePiece> pieces) : pieces_(std::move(pieces)) {}

  Block all() {
    Block block = until_end();
    if (next_ < pieces_.size())
      refuse_template(pieces_[next_].line, "\"" + word() + "\" stands alone");
    return block;
  }

 private:
  // The first word of the next statement.
  std::string word() const {
    std::string_view content = pieces_[next_].content;
    return std::string(take_word(content));
  }

  // Up to a statement that ends or parts one around it, or to the end.
  Block until_end() {
    if (++depth_ > kDeepest) refuse_template(pieces_.back().line, "statements lie too deep");
    Block block;
    while (next_ < pieces_.size()) {
      const TemplatePiece& piece = pieces_[next_];
      if (piece.kind == TemplatePiece::Kind::statement) {
        const std::string name = word();
        if (name.starts_with("end") || name == "elif" || name == "else") break;
        block.parts.push_back(statement(name));
        continue;
      }
      Part part;
      part.kind = piece.kind == TemplatePiece::Kind::text ? Kind::text : Kind::output;
      part.line = piece.line;
      part.text = std::string(piece.content);
      if (part.kind == Kind::output) part.conditions.push_back(whole(piece.content, piece.line));
      block.parts.push_back(std::move(part));
      ++next_;
    }
    --depth_;
    return block;
  }

  static TemplateExpression whole(std::string_view content, std::size_t line) {
    TemplateExpression expression = parse_expression(content, line);
    skip_space(content);
    if (!content.empty())
      refuse_template(line, fmt::format("\"{}\" is not supported", content.substr(0, 40)));
    return expression;
  }

  // What follows the first word of the next statement; goes on behind it.
  std::string_view take() {
    std::string_view content = pieces_[next_++].content;
    take_word(content);
    return content;
  }

  void expect_end(const std::string& name, std::size_t line) {
    if (next_ >= pieces_.size() || word() != name)
      refuse_template(line, fmt::format("a statement has no {}", name));
    ++next_;
  }

  Part statement(const std::string& name) {
    Part part;
    part.line = pieces_[next_].line;
    if (name == "if") {
      part.kind = Kind::choice;
      part.conditions.push_back(whole(take(), part.line));
      part.bodies.push_back(until_end());
      while (next_ < pieces_.size() && word() == "elif") {
        part.conditions.push_back(whole(take(), part.line));
        part.bodies.push_back(until_end());
      }
      if (next_ < pieces_.size() && word() == "else") {
        take();
        part.bodies.push_back(until_end());
      }
      expect_end("endif", part.line);
    } else if (name == "for") {
      part.kind = Kind::loop;
      std::string_view content = take();
      part.text = std::string(take_word(content));
      if (take_word(content) != "in") refuse_template(part.line, "a \"for\" has no \"in\"");
      part.conditions.push_back(whole(content, part.line));
      part.bodies.push_back(until_end());
      expect_end("endfor", part.line);
    } else if (name == "set") {
      part.kind = Kind::assignment;
      std::string_view content = take();
      part.text = std::string(take_word(content));
      skip_space(content);
      if (!content.starts_with('=')) refuse_template(part.line, "a \"set\" has no \"=\"");
      content.remove_prefix(1);
      part.conditions.push_back(whole(content, part.line));
    } else {
      refuse_template(
          part.line,
          fmt::format("the statement \"{}\" is not supported; supported: if, for, set", name));
    }
    return part;
  }

  std::vector<TemplatePiece> pieces_;
  std::size_t next_ = 0;
  std::size_t depth_ = 0;
};

void render(const Block& block, TemplateScopes& scopes, std::string& out);

void render_loop(const Part& part, TemplateScopes& scopes, std::string& out) {
  const json list = part.conditions.front().evaluate(scopes);
  for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
    scopes.scopes.emplace_back();
    scopes.scopes.back()[part.text] = list[i];
    scopes.scopes.back()["loop"] = {{"index", i + 1},
                                    {"index0", i},
                                    {"first", i == 0},
                                    {"last", i + 1 == list.size()},
                                    {"length", list.size()}};
    render(part.bodies.front(), scopes, out);
    scopes.scopes.pop_back();
  }
}

void render_choice(const Part& part, TemplateScopes& scopes, std::string& out) {
  for (std::size_t i = 0; i < part.bodies.size(); ++i) {
    const bool taken = i >= part.conditions.size() || is_true(part.conditions[i].evaluate(scopes));
    if (taken) return render(part.bodies[i], scopes, out);
  }
}

void render(const Block& block, TemplateScopes& scopes, std::string& out) {
  for (const Part& part : block.parts) {
    if (out.size() > 64 * kLongest) refuse_template(part.line, "it makes too long a text");
    switch (part.kind) {
      case Kind::text:
        out += part.text;
        break;
      case Kind::output: {
        const json value = part.conditions.front().evaluate(scopes);
        if (value.is_string()) {
          out += value.get_ref<const std::string&>();
        } else if (!value.is_null()) {
          out += value.dump();
        }
        break;
      }
      case Kind::loop:
        render_loop(part, scopes, out);
        break;
      case Kind::choice:
        render_choice(part, scopes, out);
        break;
      case Kind::assignment:
        scopes.scopes.back()[part.text] = part.conditions.front().evaluate(scopes);
        break;
    }
  }
}

}  // namespace

ChatTemplate::ChatTemplate(std::string_view source) {
  if (source.size() > kLongest) refuse_template(1, "it is too long");
  body_ = std::make_unique<Block>(BlockParser(split(source)).all());
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::apply(std::span<const ChatMessage> messages, const json& more) const {
  json list = json::array();
  for (const ChatMessage& message : messages)
    list.push_back({{"role", message.role}, {"content", message.content}});
  TemplateScopes scopes;
  scopes.scopes.emplace_back();
  for (const auto& [name, value] : more.items()) scopes.scopes.back()[name] = value;
  scopes.scopes.back()["messages"] = std::move(list);
  scopes.scopes.back()["add_generation_prompt"] = true;
  std::string out;
  render(*body_, scopes, out);
  return out;
}

}  // namespace trellis::text

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/error.hpp"
#include "core/text/template_expression.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

using nlohmann::json;
using Expression = TemplateExpression;
using Kind = TemplateExpression::Kind;

constexpr std::size_t kDeepest = 64;      // parentheses in each other
constexpr std::size_t kMostParts = 2000;  // of one expression, which bounds how deep it may be

bool is_word(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9') || character == '_';
}

class Parser {
 public:
  Parser(std::string_view& text, std::size_t line) : text_(text), line_(line) {}

  Expression either() {
    if (++depth_ > kDeepest) refuse_template(line_, "an expression lies too deep in others");
    Expression left = both();
    while (word("or")) left = make(Kind::either, {std::move(left), both()});
    --depth_;
    return left;
  }

 private:
  Expression make(Kind kind, std::vector<Expression> parts, std::string name = {}) {
    if (++parts_ > kMostParts) refuse_template(line_, "an expression is too long");
    Expression made;
    made.kind = kind;
    made.name = std::move(name);
    made.line = line_;
    made.parts = std::move(parts);
    return made;
  }

  Expression literal(json value) {
    Expression made = make(Kind::literal, {});
    made.value = std::move(value);
    return made;
  }

  bool sign(std::string_view expected) {
    skip_space(text_);
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }

  // A whole word, taken if it is the next one.
  bool word(std::string_view expected) {
    std::string_view rest = text_;
    if (take_word(rest) != expected) return false;
    text_ = rest;
    return true;
  }

  void expect(std::string_view expected) {
    if (!sign(expected)) refuse_template(line_, fmt::format("expected \"{}\"", expected));
  }

  Expression both() {
    Expression left = negation();
    while (word("and")) left = make(Kind::both, {std::move(left), negation()});
    return left;
  }

  Expression negation() {
    if (!word("not")) return comparison();
    if (++depth_ > kDeepest) refuse_template(line_, "an expression lies too deep in others");
    Expression inner = negation();
    --depth_;
    return make(Kind::negation, {std::move(inner)});
  }

  Expression comparison() {
    static constexpr std::array<std::pair<std::string_view, Kind>, 6> kSigns = {
        {{"==", Kind::equal},
         {"!=", Kind::unequal},
         {"<=", Kind::less_equal},
         {">=", Kind::greater_equal},
         {"<", Kind::less},
         {">", Kind::greater}}};
    Expression left = sum();
    for (bool more = true; more;) {
      more = false;
      for (const auto& [text, kind] : kSigns) {
        if (!sign(text)) continue;
        left = make(kind, {std::move(left), sum()});
        more = true;
        break;
      }
      if (more) continue;
      const std::string_view before = text_;
      if (word("in")) {
        left = make(Kind::contains, {std::move(left), sum()});
        more = true;
      } else if (word("not") && word("in")) {
        left = make(Kind::negation, {make(Kind::contains, {std::move(left), sum()})});
        more = true;
      } else {
        text_ = before;
      }
      if (!more && word("is")) {
        left = test(std::move(left));
        more = true;
      }
    }
    return left;
  }

  Expression test(Expression tested) {
    const bool negated = word("not");
    const std::string name(take_word(text_));
    if (name != "defined" && name != "none" && name != "string")
      refuse_template(line_, fmt::format("the test \"{}\" is not supported; supported: defined, "
                                         "none, string",
                                         name));
    Expression made = make(Kind::test, {std::move(tested)}, name);
    return negated ? make(Kind::negation, {std::move(made)}) : made;
  }

  Expression sum() {
    Expression left = product();
    while (true) {
      skip_space(text_);
      if (text_.starts_with("-}") || text_.starts_with("-%")) return left;
      if (sign("+")) {
        left = make(Kind::add, {std::move(left), product()});
      } else if (sign("~")) {
        left = make(Kind::join, {std::move(left), product()});
      } else if (sign("-")) {
        left = make(Kind::subtract, {std::move(left), product()});
      } else {
        return left;
      }
    }
  }

  Expression product() {
    Expression left = filtered();
    while (true) {
      skip_space(text_);
      if (text_.starts_with("%}") || !sign("%")) return left;
      left = make(Kind::remainder, {std::move(left), filtered()});
    }
  }

  Expression filtered() {
    Expression value = reached();
    while (sign("|")) {
      skip_space(text_);
      const std::string name(take_word(text_));
      static constexpr std::array kFilters = {"trim", "length", "upper", "lower"};
      if (std::ranges::find(kFilters, name) == kFilters.end())
        refuse_template(line_, fmt::format("the filter \"{}\" is not supported; supported: trim, "
                                           "length, upper, lower",
                                           name));
      value = make(Kind::filter, {std::move(value)}, name);
    }
    return value;
  }

  Expression reached() {
    Expression value = primary();
    while (true) {
      skip_space(text_);
      if (sign(".")) {
        const std::string name(take_word(text_));
        if (sign("("))
          refuse_template(line_, fmt::format("the method {}() is not supported", name));
        value = make(Kind::member, {std::move(value), literal(name)});
      } else if (sign("[")) {
        value = index(std::move(value));
      } else {
        return value;
      }
    }
  }

  Expression index(Expression value) {
    Expression first = literal(nullptr);
    if (!sign(":")) {
      first = either();
      if (sign("]")) return make(Kind::member, {std::move(value), std::move(first)});
      expect(":");
    }
    Expression last = literal(nullptr);
    if (!sign("]")) {
      last = either();
      expect("]");
    }
    return make(Kind::slice, {std::move(value), std::move(first), std::move(last)});
  }

  Expression primary() {
    skip_space(text_);
    if (text_.empty()) refuse_template(line_, "an expression ends too early");
    if (sign("(")) {
      Expression inner = either();
      expect(")");
      return inner;
    }
    const char first = text_.front();
    if (first == '\'' || first == '"') return quoted();
    if (sign("-")) {
      if (++depth_ > kDeepest) refuse_template(line_, "an expression lies too deep in others");
      Expression inner = reached();
      --depth_;
      return make(Kind::minus, {std::move(inner)});
    }
    const std::string name(take_word(text_));
    if (name.empty())
      refuse_template(line_, fmt::format("\"{}\" is not supported", text_.substr(0, 1)));
    if (first >= '0' && first <= '9') return number(name);
    if (name == "true" || name == "True") return literal(true);
    if (name == "false" || name == "False") return literal(false);
    if (name == "none" || name == "None") return literal(nullptr);
    skip_space(text_);
    if (!text_.starts_with("(")) return make(Kind::name, {}, name);
    if (name != "raise_exception")
      refuse_template(line_, fmt::format("the function {}() is not supported", name));
    expect("(");
    Expression message = either();
    expect(")");
    return make(Kind::raise, {std::move(message)});
  }

  Expression number(const std::string& digits) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size())
      refuse_template(line_, fmt::format("\"{}\" is no whole number", digits));
    return literal(value);
  }

  Expression quoted() {
    const char end = text_.front();
    std::string value;
    std::size_t place = 1;
    for (; place < text_.size() && text_[place] != end; ++place) {
      if (text_[place] != '\\' || place + 1 == text_.size()) {
        value += text_[place];
        continue;
      }
      const char escaped = text_[++place];
      value += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped == 'r' ? '\r' : escaped;
    }
    if (place == text_.size()) refuse_template(line_, "a text has no end");
    text_.remove_prefix(place + 1);
    return literal(value);
  }

  std::string_view& text_;
  std::size_t line_;
  std::size_t depth_ = 0;
  std::size_t parts_ = 0;
};

}  // namespace

Expression parse_expression(std::string_view& text, std::size_t line) {
  return Parser(text, line).either();
}

std::string_view take_word(std::string_view& text) {
  skip_space(text);
  std::size_t size = 0;
  while (size < text.size() && is_word(text[size])) ++size;
  const std::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

void skip_space(std::string_view& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  text.remove_prefix(std::min(first, text.size()));
}

std::string template_message(std::size_t line, const std::string& what) {
  std::string shown = replace_invalid_utf8(what);  // it may quote the template
  for (char& character : shown)
    if (static_cast<unsigned char>(character) < 0x20) character = ' ';
  return fmt::format("chat template, line {}: {}", line, shown);
}

void refuse_template(std::size_t line, const std::string& what) {
  throw Error(Fault::bad_data, template_message(line, what));
}

}  // namespace trellis::text

#include <algorithm>
#include <map>

#include "core/grammar/grammar.hpp"
#include "core/grammar/scanner.hpp"

namespace trellis::grammar {
namespace {

class GbnfReader {
 public:
  explicit GbnfReader(std::string_view source) : scanner_(source, "grammar") {}

  Grammar read() {
    skip(true);
    while (!scanner_.at_end()) {
      rule();
      skip(true);
    }
    for (std::size_t i = 0; i < grammar_.rules.size(); ++i) {
      if (!defined_[i])
        scanner_.fail(
            fmt::format("the rule \"{}\" is used and not written", grammar_.rules[i].name));
    }
    const auto root = numbers_.find("root");
    if (root == numbers_.end()) scanner_.fail("there is no rule \"root\"");
    grammar_.root = root->second;
    return std::move(grammar_);
  }

 private:
  static bool is_name(char32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  }

  // Spaces and comments; with `lines` also line ends.
  void skip(bool lines) {
    while (!scanner_.at_end()) {
      const char32_t c = scanner_.peek();
      if (c == '#') {
        while (!scanner_.at_end() && scanner_.peek() != '\n') scanner_.next();
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        scanner_.next();
      } else {
        return;
      }
    }
  }

  std::string name() {
    std::string name;
    while (is_name(scanner_.peek())) name += static_cast<char>(scanner_.next());
    if (name.empty()) scanner_.fail("a rule's name is missing: letters, digits, - and _");
    return name;
  }

  std::size_t number_of(const std::string& name) {
    const auto [found, added] = numbers_.emplace(name, grammar_.rules.size());
    if (added) {
      grammar_.rules.push_back({name, {}});
      defined_.push_back(false);
    }
    return found->second;
  }

  void rule() {
    const auto name = this->name();
    const auto number = number_of(name);
    if (defined_[number]) scanner_.fail(fmt::format("the rule \"{}\" is written twice", name));
    defined_[number] = true;
    skip(false);
    scanner_.expect(':', "::=");
    scanner_.expect(':', "::=");
    scanner_.expect('=', "::=");
    skip(true);
    auto body = alternatives(false);
    grammar_.rules[number].body = std::move(body);
    if (!scanner_.at_end() && scanner_.peek() != '\n' && scanner_.peek() != '\r')
      scanner_.fail("a rule ends with its line; this is neither text, class, name nor group");
  }

  Expression alternatives(bool inside) {
    if (++depth_ > kDeepest) scanner_.fail("groups are nested too deeply");
    Expressions all = {sequence(inside)};
    while (scanner_.take('|')) {
      skip(true);
      all.push_back(sequence(inside));
    }
    --depth_;
    return choice_of(std::move(all));
  }

  Expression sequence(bool inside) {
    Expressions parts;
    while (!scanner_.at_end()) {
      const char32_t c = scanner_.peek();
      Expression part;
      if (c == '"') {
        part = literal();
      } else if (c == '[') {
        scanner_.next();
        part = scanner_.character_class([this] { return escape(); });
      } else if (c == '.') {
        scanner_.next();
        part = characters_of(complement({}));
      } else if (c == '(') {
        scanner_.next();
        skip(true);
        part = alternatives(true);
        scanner_.expect(')', ")");
      } else if (is_name(c)) {
        part = rule_of(number_of(name()));
      } else {
        break;
      }
      parts.push_back(scanner_.repeated(std::move(part)));
      skip(inside);
    }
    return parts.empty() ? text_of("") : sequence_of(std::move(parts));
  }

  Expression literal() {
    scanner_.next();
    std::string text;
    while (!scanner_.take('"')) {
      if (scanner_.at_end() || scanner_.peek() == '\n') scanner_.fail("the closing \" is missing");
      const char32_t c = scanner_.next();
      text::append_utf8(c == '\\' ? escape().front().first : c, text);
    }
    return text_of(text);
  }

  std::vector<CodePointRange> escape() {
    if (scanner_.at_end()) scanner_.fail("a character is missing after \\");
    const char32_t c = scanner_.next();
    const auto one = [](char32_t character) {
      return std::vector<CodePointRange>{{character, character}};
    };
    if (const auto common = scanner_.common_escape(c)) return one(*common);
    switch (c) {
      case 'u':
        return one(scanner_.hexadecimal(4));
      case 'U':
        return one(scanner_.hexadecimal(8));
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return one(c);
      default:
        scanner_.fail("after \\ stands one of n t r x u U \\ \" [ ] - ^");
    }
  }

  static constexpr int kDeepest = 200;
  Scanner scanner_;
  Grammar grammar_;
  std::map<std::string, std::size_t> numbers_;
  std::vector<bool> defined_;
  int depth_ = 0;
};

}  // namespace

Grammar read_gbnf(std::string_view source) {
  return GbnfReader(source).read();
}

}  // namespace trellis::grammar

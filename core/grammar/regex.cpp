#include "core/grammar/grammar.hpp"
#include "core/grammar/scanner.hpp"

namespace trellis::grammar {
namespace {

using Ranges = std::vector<CodePointRange>;

class RegexReader {
 public:
  explicit RegexReader(std::string_view pattern) : scanner_(pattern, "regex") {}

  Expression read() {
    scanner_.take('^');
    auto expression = alternatives();
    if (!scanner_.at_end()) scanner_.fail("no group is open for this )");
    return expression;
  }

 private:
  Expression alternatives() {
    if (++depth_ > kDeepest) scanner_.fail("groups are nested too deeply");
    Expressions all;
    do {
      all.push_back(sequence());
    } while (scanner_.take('|'));
    --depth_;
    return choice_of(std::move(all));
  }

  Expression sequence() {
    Expressions parts;
    while (!scanner_.at_end() && scanner_.peek() != '|' && scanner_.peek() != ')') {
      if (scanner_.peek() == '$' && scanner_.peek(1) == 0) {
        scanner_.next();
        break;
      }
      auto part = scanner_.repeated(atom());
      if (part.kind == Expression::Kind::repeat &&
          (scanner_.peek() == '?' || scanner_.peek() == '+')) {
        scanner_.fail("greed makes no difference where the whole text must match: leave it out");
      }
      parts.push_back(std::move(part));
    }
    return parts.empty() ? text_of("") : sequence_of(std::move(parts));
  }

  Expression atom() {
    const char32_t character = scanner_.peek();
    switch (character) {
      case '(':
        return group();
      case '*':
      case '+':
      case '?':
      case '{':
        scanner_.fail("there is nothing to repeat");
      case '^':
      case '$':
        scanner_.fail("^ and $ may only stand at the beginning and the end");
      default:
        break;
    }
    scanner_.next();
    if (character == '[') return scanner_.character_class([this] { return escape(); });
    if (character == '.') return characters_of(complement({{'\n', '\n'}, {'\r', '\r'}}));
    if (character == '\\') return characters_of(escape());
    return characters_of({{character, character}});
  }

  Expression group() {
    scanner_.next();
    if (scanner_.take('?') && !scanner_.take(':'))
      scanner_.fail("of the groups that begin with (? only (?: is known");
    auto inside = alternatives();
    scanner_.expect(')', ")");
    return inside;
  }

  // What follows a backslash.
  Ranges escape() {
    if (scanner_.at_end()) scanner_.fail("a character is missing after \\");
    const char32_t character = scanner_.next();
    const Ranges digit = {{'0', '9'}};
    const Ranges word = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    const Ranges space = {{'\t', '\r'}, {' ', ' '}};
    const auto one = [](char32_t c) { return Ranges{{c, c}}; };
    if (const auto common = scanner_.common_escape(character)) return one(*common);
    switch (character) {
      case 'd':
        return digit;
      case 'D':
        return complement(digit);
      case 'w':
        return word;
      case 'W':
        return complement(word);
      case 's':
        return space;
      case 'S':
        return complement(space);
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      case 'u':
        return one(scanner_.take('{') ? scanner_.braced_hexadecimal() : scanner_.hexadecimal(4));
      default:
        break;
    }
    const bool letter = (character >= 'a' && character <= 'z') ||
                        (character >= 'A' && character <= 'Z') ||
                        (character >= '0' && character <= '9');
    if (letter) scanner_.fail(fmt::format("\\{} is not known", static_cast<char>(character)));
    return one(character);
  }

  static constexpr int kDeepest = 200;
  Scanner scanner_;
  int depth_ = 0;
};

}  // namespace

Expression read_regex(std::string_view pattern) {
  return RegexReader(pattern).read();
}

Grammar regex_grammar(std::string_view pattern) {
  return {{{"root", read_regex(pattern)}}, 0};
}

}  // namespace trellis::grammar

/// Grammars: what they accept, against hand-written cases, PCRE2 and JSON; token masks against
/// trying every token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "core/grammar/token_masks.hpp"
#include "core/text/pattern.hpp"
#include "tests/abi/host.hpp"

namespace trellis::tests {
namespace {

using grammar::kDead;
using grammar::Matcher;
using testing::HasSubstr;

Matcher matcher_of(const grammar::Grammar& grammar) {
  return Matcher(grammar::compile(grammar));
}

bool accepts(Matcher& matcher, std::string_view text) {
  const auto state = matcher.after(matcher.start(), text);
  return state != kDead && matcher.accepts(state);
}

void expect_accepts(Matcher matcher, const std::vector<std::string>& good,
                    const std::vector<std::string>& bad) {
  for (const auto& text : good) EXPECT_TRUE(accepts(matcher, text)) << text;
  for (const auto& text : bad) EXPECT_FALSE(accepts(matcher, text)) << text;
}

TEST(Regex, MatchesWholeTexts) {
  expect_accepts(matcher_of(grammar::regex_grammar("^a(b|cd)*e?$")), {"a", "ab", "acdb", "abbe"},
                 {"", "b", "ac", "aee", "abx"});
  expect_accepts(matcher_of(grammar::regex_grammar("\\d{3}-[^\\s,]{2,4}\\.")),
                 {"123-ab.", "000-....."}, {"12-ab.", "123-a.", "123-a b.", "123-abcde."});
  expect_accepts(matcher_of(grammar::regex_grammar("(?:)|x{0}|\\x41\\u{1F600}\\u00e4")),
                 {"", "A😀ä"}, {"x", "A"});
  expect_accepts(matcher_of(grammar::regex_grammar("[ä-ü]+.")), {"ö!", "äü😀", "ä汉"},
                 {"a!", "ä", "ä\n", "ä\xF0\x9F"});
  expect_accepts(matcher_of(grammar::regex_grammar("[]a-]*")), {"", "]", "-a]"}, {"b"});
}

// Random expressions over two letters, as text.
std::string random_regex(std::mt19937& engine, int depth) {
  const auto draw = [&](unsigned count) { return engine() % count; };
  if (depth == 0 || draw(4) == 0) return draw(2) == 0 ? "a" : "b";
  const auto part = random_regex(engine, depth - 1);
  switch (draw(6)) {
    case 0:
      return "(?:" + part + ")*";
    case 1:
      return "(?:" + part + ")?";
    case 2:
      return "(?:" + part + "){1,2}";
    case 3:
      return "(?:" + part + "|" + random_regex(engine, depth - 1) + ")";
    default:
      return part + random_regex(engine, depth - 1);
  }
}

TEST(Regex, AgreesWithPcre) {
  std::mt19937 engine(7);
  for (int i = 0; i < 300; ++i) {
    const auto pattern = random_regex(engine, 4);
    SCOPED_TRACE(pattern);
    const text::Pattern reference("\\A(?:" + pattern + ")\\z");
    auto matcher = matcher_of(grammar::regex_grammar(pattern));
    for (unsigned bits = 1; bits < 127; ++bits) {  // all texts of one to six letters
      std::string text;
      for (unsigned rest = bits + 1; rest > 1; rest /= 2) text += rest % 2 == 0 ? 'a' : 'b';
      bool matches = false;
      reference.for_each_match(text, [&](std::string_view) { matches = true; });
      EXPECT_EQ(accepts(matcher, text), matches) << text;
    }
  }
}

TEST(Regex, SaysWhatIsNotKnown) {
  const auto refused = [](const char* pattern) {
    return message_of([&] { grammar::regex_grammar(pattern); });
  };
  EXPECT_EQ(refused("ab("), "regex:1:4: ) is missing");
  EXPECT_EQ(refused("a)b"), "regex:1:2: no group is open for this )");
  EXPECT_EQ(refused("a|*"), "regex:1:3: there is nothing to repeat");
  EXPECT_THAT(refused("(?=a)"), HasSubstr("only (?: is known"));
  EXPECT_THAT(refused("a\\b"), HasSubstr("regex:1:4: \\b is not known"));
  EXPECT_THAT(refused("a*?"), HasSubstr("greed makes no difference"));
  EXPECT_THAT(refused("a{3,2}"), HasSubstr("{3,2}: the second is smaller"));
  EXPECT_THAT(refused("a{99999}"), HasSubstr("more than 4096"));
  EXPECT_THAT(refused("[z-a]"), HasSubstr("a range runs backwards"));
  EXPECT_THAT(refused("[a"), HasSubstr("] is missing"));
  EXPECT_THAT(refused("\xff"), HasSubstr("invalid UTF-8 at byte 0"));
  EXPECT_THAT(message_of([] { matcher_of(grammar::regex_grammar("((a{4000}){4000}){4000}")); }),
              HasSubstr("the grammar is too large"));
}

TEST(Gbnf, ReadsRulesAndRecursion) {
  expect_accepts(
      matcher_of(grammar::read_gbnf("# balanced\n"
                                    "root ::= pair* # any number\n"
                                    "pair ::= \"(\" root \")\" |\n  \"[\" root \"]\"\n")),
      {"", "()", "([])[]", "((((()))))"}, {"(", ")(", "([)]"});
  expect_accepts(matcher_of(grammar::read_gbnf("root ::= item (\", \" item){1,2}\n"
                                               "item ::= [a-c\\]]+ | \"\\\"\" [^\"\\n] \"\\\"\"")),
                 {"a, b", "abc, ], \"汉\""}, {"a", "a, b, c, a", "\"\", a", "d, a"});
}

TEST(Gbnf, ListsThatCallThemselvesLastStayFlat) {
  auto matcher = matcher_of(grammar::read_gbnf("root ::= \"a\" root | \"b\""));
  const auto state = matcher.after(matcher.start(), std::string(1000, 'a'));
  EXPECT_EQ(state, matcher.after(matcher.start(), "aa"));
  EXPECT_LE(matcher.state_count(), 3U);
}

TEST(Gbnf, SaysWhatIsWrongWhere) {
  const auto refused = [](const char* source) {
    return message_of([&] { matcher_of(grammar::read_gbnf(source)); });
  };
  EXPECT_EQ(refused("root = \"a\""), "grammar:1:6: ::= is missing");
  EXPECT_EQ(refused("root ::= \"a"), "grammar:1:12: the closing \" is missing");
  EXPECT_THAT(refused("root ::= a\n"), HasSubstr("the rule \"a\" is used and not written"));
  EXPECT_THAT(refused("a ::= \"a\"\n"), HasSubstr("there is no rule \"root\""));
  EXPECT_THAT(refused("root ::= \"a\"\nroot ::= \"b\""), HasSubstr("\"root\" is written twice"));
  EXPECT_THAT(refused("root ::= \"a\" )"), HasSubstr("grammar:1:14: a rule ends with its line"));
  EXPECT_THAT(refused("root ::= root \"a\" | \"b\""), HasSubstr("\"root\" begins with itself"));
  EXPECT_THAT(refused("root ::= e root\ne ::= \"x\"?"), HasSubstr("can never end"));
  EXPECT_THAT(refused("root ::= a\na ::= \"x\"? b\nb ::= a \"y\" | \"z\""),
              HasSubstr("\"a\" begins with itself"));
  EXPECT_THAT(refused("root ::= \"a\" x\nx ::= \"b\" x"), HasSubstr("\"x\" can never end"));
}

TEST(JsonSchema, AllowsWhatItDescribes) {
  const auto person = grammar::read_json_schema(R"({
      "type": "object",
      "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 3},
                     "age": {"type": ["integer", "null"]},
                     "tags": {"type": "array", "items": {"enum": ["a", 1, null]}, "maxItems": 2}},
      "required": ["age"]})");
  expect_accepts(matcher_of(person),
                 {R"({"age": 7})", R"({"name":"ab","age":null})", R"({"age":-10, "tags":["a", 1]})",
                  R"({"name": "\u00e4\"", "age": 0, "tags": []})"},
                 {R"({})", R"({"age": 07})", R"({"name": "", "age": 1})", R"({"age": 1.5})",
                  R"({"age": 1, "tags": ["a", 1, 1]})", R"({"age":1, "other": 2})",
                  R"({"age": 1,"name": "x"})", R"({"name": "abcd", "age": 1})"});
  expect_accepts(matcher_of(grammar::read_json_schema(R"({"$ref": "#/$defs/tree",
      "$defs": {"tree": {"type": "object", "additionalProperties": {"$ref": "#/$defs/tree"}}}})")),
                 {"{}", R"({"a": {}, "b": {"c": {}}})"}, {R"({"a": 1})", "[]", R"({"a": {})"});
  expect_accepts(
      matcher_of(grammar::read_json_schema(
          R"({"anyOf": [{"type": "number"}, {"const": {"x": [1]}}, {"type": "boolean"}]})")),
      {"-1.5e+3", R"({"x":[1]})", "true"}, {"1.", "+1", "\"true\"", "nul"});
  expect_accepts(matcher_of(grammar::read_json_schema(
                     R"({"type": "array", "prefixItems": [{"type": "null"}, true]})")),
                 {R"([null, {"k": [1, "x"]}])", "[null,-0.5]"}, {"[null]", "[null, 1, 2]"});
  expect_accepts(
      matcher_of(grammar::read_json_schema(R"({"type": "string", "pattern": "^a.\"$"})")),
      {R"("ab\"")", R"("a\\\"")"}, {R"("ab"")", R"("xab\"")", R"("ab\"c")"});
  expect_accepts(matcher_of(grammar::read_json_schema(R"({"type": "string", "pattern": "b+"})")),
                 {R"("b")", R"("xbby\n")"}, {R"("x")"});
}

TEST(JsonSchema, SaysWhatIsNotSupportedWhere) {
  const auto refused = [](const char* schema) {
    return message_of([&] { matcher_of(grammar::read_json_schema(schema)); });
  };
  EXPECT_EQ(refused(R"({"type": "integer", "minimum": 3})"),
            "JSON schema: /: \"minimum\" is not supported here; known are type");
  EXPECT_THAT(refused(R"({"properties": {"a": {"type": "strin"}}})"),
              HasSubstr("JSON schema: /properties/a: type \"strin\" is not known"));
  EXPECT_THAT(refused(R"({"type": "object", "required": ["a"]})"),
              HasSubstr("/required: \"a\" is no property"));
  EXPECT_THAT(refused(R"({"$ref": "http://x"})"), HasSubstr("only references within"));
  EXPECT_THAT(refused(R"({"$ref": "#/$defs/x"})"), HasSubstr("\"#/$defs/x\" is not there"));
  EXPECT_THAT(refused(R"({"$ref": "#"})"), HasSubstr("can never end"));
  EXPECT_THAT(refused("{"), HasSubstr("JSON schema: "));
}

// Draws tokens that the mask allows until the text may end and a coin says so.
std::string random_text(grammar::TokenMasks& masks, const std::vector<std::string>& tokens,
                        std::mt19937& engine) {
  std::string text;
  auto state = masks.matcher().start();
  for (int length = 0; length < 400; ++length) {
    const bool may_end = masks.matcher().accepts(state);
    if (may_end && (!masks.matcher().goes_on(state) || engine() % 4 == 0)) return text;
    const auto mask = masks.mask(state);
    std::vector<std::int32_t> allowed;
    for (std::size_t id = 0; id < tokens.size(); ++id) {
      const bool bit = (mask[id / 64] >> (id % 64) & 1U) != 0;
      EXPECT_EQ(bit,
                !tokens[id].empty() && masks.after(state, static_cast<std::int32_t>(id)) != kDead)
          << "after " << text << ": " << tokens[id];
      if (bit) allowed.push_back(static_cast<std::int32_t>(id));
    }
    if (allowed.empty()) return "nothing may follow " + text;
    const auto chosen = allowed[engine() % allowed.size()];
    text += tokens[static_cast<std::size_t>(chosen)];
    state = masks.after(state, chosen);
  }
  return "";  // too long: no verdict
}

TEST(TokenMasks, AllowWhatEachTokenAloneMayDoAndLeadToWholeTexts) {
  std::mt19937 engine(3);
  std::vector<std::string> tokens = {"", "", "\": ", "\", \"", "{\"", "}}", "tru", "true", "\":"};
  for (int byte = 1; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (int i = 0; i < 200; ++i) {
    std::string token;
    while (token.size() < 1 + engine() % 4) token += "{}[]\":, a1\\\xC3\xA4"[engine() % 14];
    tokens.push_back(token);
  }
  const auto schema = grammar::read_json_schema(
      R"({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "boolean"}},
          "b": {"type": "string", "maxLength": 5}, "c": {"type": "integer"}}})");
  grammar::TokenMasks masks(matcher_of(schema), tokens);
  int whole = 0;
  for (int i = 0; i < 60; ++i) {
    const auto text = random_text(masks, tokens, engine);
    if (text.empty()) continue;
    const auto json = nlohmann::json::parse(text, nullptr, false);
    EXPECT_TRUE(json.is_object()) << text;
    for (const auto& [key, value] : json.items()) {
      const bool right = key == "a"   ? value.is_array()
                         : key == "b" ? value.is_string()
                                      : key == "c" && value.is_number();
      EXPECT_TRUE(right) << text;
    }
    ++whole;
  }
  EXPECT_GT(whole, 30);
}

}  // namespace
}  // namespace trellis::tests

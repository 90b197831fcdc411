// Settings as plugins describe them and as configs give them.
#include "core/plugin/settings.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "core/plugin/library.hpp"
#include "tests/abi/host.hpp"

namespace trellis::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const json kDescription = json::parse(R"({"settings": [
  {"name": "k", "type": "integer", "default": 50, "minimum": 1, "maximum": 100, "summary": "s"},
  {"name": "top_p", "type": "number", "default": 0.9, "exclusive_minimum": 0, "maximum": 1},
  {"name": "least", "type": "number", "default": 3, "minimum": 2},
  {"name": "below", "type": "number", "default": 0, "exclusive_maximum": 2},
  {"name": "strict", "type": "boolean", "default": false},
  {"name": "title", "type": "string", "default": ""},
  {"name": "cell", "type": "choice", "default": "lstm", "choices": ["lstm", "gru", "tanh"]},
  {"name": "words", "type": "list", "default": ["a", 1]}]})");

json complete(const json& given) {
  return plugin::complete_settings(plugin::parse_settings(kDescription), given);
}

std::string refusal(const json& given) {
  return message_of([&] { complete(given); });
}

TEST(Settings, DefaultsAreFilledInAndTypesAreKept) {
  const auto all = complete({{"top_p", 1}, {"k", 7.0}});
  EXPECT_TRUE(all["top_p"].is_number_float());
  EXPECT_TRUE(all["k"].is_number_integer());
  EXPECT_EQ(all["k"], 7);
  EXPECT_EQ(all["cell"], "lstm");
  EXPECT_EQ(all["words"], json({"a", 1}));
  EXPECT_EQ(all.size(), 8U);
}

TEST(Settings, WrongValuesAreRefusedWithTheReason) {
  EXPECT_EQ(refusal({{"k", 0}}), "k = 0: must lie in [1, 100]");
  EXPECT_EQ(refusal({{"k", 101}}), "k = 101: must lie in [1, 100]");
  EXPECT_EQ(refusal({{"k", 1.5}}), "k = 1.5: must be a whole number");
  EXPECT_EQ(refusal({{"k", "7"}}), "k = \"7\": must be a whole number");
  EXPECT_EQ(refusal({{"k", true}}), "k = true: must be a whole number");
  EXPECT_EQ(refusal({{"k", 1e300}}), "k = 1e+300: must be a whole number");
  EXPECT_EQ(refusal({{"top_p", 0}}), "top_p = 0: must lie in (0, 1]");
  EXPECT_EQ(refusal({{"top_p", 1.7}}), "top_p = 1.7: must lie in (0, 1]");
  EXPECT_EQ(refusal({{"top_p", "x"}}), "top_p = \"x\": must be a number");
  EXPECT_EQ(refusal({{"top_p", NAN}}), "top_p = null: must be finite");
  EXPECT_EQ(refusal({{"least", 1.5}}), "least = 1.5: must be at least 2");
  EXPECT_EQ(refusal({{"below", 2}}), "below = 2: must be below 2");
  EXPECT_EQ(refusal({{"strict", 1}}), "strict = 1: must be true or false");
  EXPECT_EQ(refusal({{"title", 1}}), "title = 1: must be a string");
  EXPECT_EQ(refusal({{"cell", "gur"}}),
            "cell = \"gur\": did you mean \"gru\"? One of lstm, gru, tanh");
  EXPECT_EQ(refusal({{"cell", 5}}), "cell = 5: must be one of lstm, gru, tanh");
  EXPECT_EQ(refusal({{"words", "a"}}), "words = \"a\": must be a list of strings or numbers");
  EXPECT_THAT(refusal({{"words", {json::array()}}}), HasSubstr("must be a list"));
  EXPECT_THAT(refusal({{"cell", "\xFF"}}), HasSubstr("must be one of"));
}

TEST(Settings, UnknownNamesGetTheNearestOne) {
  EXPECT_EQ(refusal({{"topp", 1}}), "topp: no such setting; did you mean top_p?");
  EXPECT_EQ(refusal({{"sctrict", true}}), "sctrict: no such setting; did you mean strict?");
  EXPECT_THAT(refusal({{"quite_other", 1}}), HasSubstr("there are: k, top_p, least"));
  EXPECT_EQ(message_of([] {
              plugin::complete_settings({}, {{"k", 1}});
            }),
            "k: no such setting; there are: none");
}

TEST(Settings, WhatHasNoDefaultMustBeGiven) {
  const auto settings = plugin::parse_settings(json::parse(
      R"({"settings": [{"name": "file", "type": "string", "format": "path", "summary": "Text."}]})"));
  EXPECT_EQ(message_of([&] { plugin::complete_settings(settings, json::object()); }),
            "file: must be given (Text.)");
}

TEST(Settings, OneIsMeasuredByAnother) {
  const auto settings = plugin::parse_settings(json::parse(R"({"settings": [
      {"name": "width", "type": "integer", "default": 12},
      {"name": "heads", "type": "integer", "default": 4, "divides": "width"},
      {"name": "experts", "type": "integer", "default": 2},
      {"name": "top_k", "type": "integer", "default": 2, "at_most": "experts"}]})"));
  const auto blamed = [&](const json& given) {
    try {
      plugin::complete_settings(settings, given);
    } catch (const plugin::SettingError& error) {
      return error.name() + " | " + error.what();
    }
    return std::string("nothing");
  };
  EXPECT_EQ(blamed({{"heads", 6}, {"top_k", 1}}), "nothing");
  EXPECT_EQ(blamed({{"heads", 5}}), "heads | heads = 5: must divide width = 12");
  EXPECT_EQ(blamed({{"heads", 0}}), "heads | heads = 0: must divide width = 12");
  EXPECT_EQ(blamed({{"width", 10}}), "width | heads = 4: must divide width = 10");
  EXPECT_EQ(blamed({{"top_k", 3}}), "top_k | top_k = 3: must not exceed experts = 2");
  EXPECT_EQ(blamed({{"experts", 1}}), "experts | top_k = 2: must not exceed experts = 1");
}

TEST(Settings, MalformedDescriptionsAreThePluginsFault) {
  const auto refused = [](const char* settings) {
    const auto description = json::parse(std::string(R"({"settings": )") + settings + "}");
    return message_of([&] { plugin::parse_settings(description); });
  };
  EXPECT_THAT(refused(R"([{"name": "a"}])"), HasSubstr("malformed settings"));
  EXPECT_THAT(refused(R"([{"name": "a", "type": "colour"}])"),
              HasSubstr("setting a: unknown type \"colour\""));
  EXPECT_THAT(refused(R"([{"name": "a", "type": "choice"}])"), HasSubstr("without choices"));
  EXPECT_THAT(refused(R"([{"name": "a", "type": "integer", "default": "x"}])"),
              HasSubstr("the default of a = \"x\": must be a whole number"));
  EXPECT_THAT(refused(R"([{"name": "a", "type": "integer", "minimum": 2, "default": 1}])"),
              HasSubstr("the default of a = 1: must be at least 2"));
  EXPECT_THAT(refused(R"([{"name": "a", "type": "string"}, {"name": "a", "type": "string"}])"),
              HasSubstr("setting a is described twice"));
  EXPECT_THAT(refused("5"), HasSubstr("malformed settings"));
  EXPECT_THAT(refused(R"([{"name": "a", "type": "integer", "divides": "b"}])"),
              HasSubstr("setting a: cannot be measured by \"b\""));
  EXPECT_THAT(refused(R"([{"name": "a", "type": "string", "at_most": "a"}])"),
              HasSubstr("setting a: cannot be measured by \"a\""));
}

TEST(Settings, NearestName) {
  const std::vector<std::string> names = {"temperature", "top_k", "top_p"};
  EXPECT_EQ(plugin::nearest_name("tempreature", names), "temperature");
  EXPECT_EQ(plugin::nearest_name("top-k", names), "top_k");
  EXPECT_EQ(plugin::nearest_name("beams", names), std::nullopt);
  EXPECT_EQ(plugin::nearest_name("", names), std::nullopt);
}

}  // namespace
}  // namespace trellis::tests

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.hpp"
#include "core/grammar/grammar.hpp"
#include "core/grammar/scanner.hpp"
#include "core/text/json.hpp"

namespace trellis::grammar {
namespace {

// Keys come in the order of the file.
using Json = nlohmann::ordered_json;
using Kind = Expression::Kind;

constexpr std::array kAnnotations = {"title",   "description", "default",    "examples",
                                     "$schema", "$id",         "$comment",   "$defs",
                                     "format",  "deprecated",  "definitions"};

// What a string may hold as it is, and how the rest is written.
const std::vector<CodePointRange> kNotPlain = {{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
constexpr std::pair<char32_t, const char*> kEscapes[] = {
    {'"', "\\\""}, {'\\', "\\\\"}, {'\b', "\\b"}, {'\f', "\\f"},
    {'\n', "\\n"}, {'\r', "\\r"},  {'\t', "\\t"}};

bool contains(const std::vector<CodePointRange>& ranges, char32_t character) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const CodePointRange& range) {
    return range.first <= character && character <= range.last;
  });
}

// The characters of a set as they stand inside a JSON string.
Expression written(const std::vector<CodePointRange>& ranges) {
  auto barred = complement(ranges);
  barred.insert(barred.end(), kNotPlain.begin(), kNotPlain.end());
  Expressions ways = {characters_of(complement(std::move(barred)))};
  for (const auto& [character, escape] : kEscapes) {
    if (contains(ranges, character)) ways.push_back(text_of(escape));
  }
  return choice_of(std::move(ways));
}

// The same for everything that an expression of plain text allows.
Expression written(const Expression& expression) {
  Expression out = expression;
  if (out.kind == Kind::characters) return written(out.ranges);
  for (auto& part : out.parts) part = written(part);
  return out;
}

Expression any_character() {
  const Expression hexadecimal = characters_of({{'0', '9'}, {'A', 'F'}, {'a', 'f'}});
  return choice_of(
      {characters_of(complement(kNotPlain)),
       sequence_of({text_of("\\"),
                    choice_of({characters_of({{'"', '"'},
                                              {'/', '/'},
                                              {'\\', '\\'},
                                              {'b', 'b'},
                                              {'f', 'f'},
                                              {'n', 'n'},
                                              {'r', 'r'},
                                              {'t', 't'}}),
                               sequence_of({text_of("u"), repeat_of(hexadecimal, 4, 4)})})})});
}

Expression quoted(Expression content) {
  return sequence_of({text_of("\""), std::move(content), text_of("\"")});
}

Expression comma() {
  return sequence_of({text_of(","), repeat_of(text_of(" "), 0, 1)});
}

Expression colon() {
  return sequence_of({text_of(":"), repeat_of(text_of(" "), 0, 1)});
}

class SchemaReader {
 public:
  explicit SchemaReader(std::string_view source) : schema_(read_source(source)) {}

  Grammar read() {
    rule_at("");
    // Rules are filled in one after the other, as what they refer to may be themselves.
    while (!open_.empty()) {
      const auto [rule, pointer] = open_.back();
      open_.pop_back();
      grammar_.rules[rule].body = value(schema_.at(Json::json_pointer(pointer)), pointer);
    }
    return std::move(grammar_);
  }

 private:
  static Json read_source(std::string_view source) {
    try {
      parse_json(source);  // its depth is checked there
      return Json::parse(source);
    } catch (const nlohmann::json::exception& exception) {
      throw Error(Fault::usage, fmt::format("JSON schema: {}", exception.what()));
    }
  }

  [[noreturn]] static void fail(const std::string& pointer, const std::string& why) {
    throw Error(Fault::usage,
                fmt::format("JSON schema: {}: {}", pointer.empty() ? "/" : pointer, why));
  }

  std::size_t add_rule(std::string name) {
    grammar_.rules.push_back({std::move(name), {}});
    return grammar_.rules.size() - 1;
  }

  // The rule of the schema at a place, made when it is first asked for.
  std::size_t rule_at(const std::string& pointer) {
    const auto [found, added] = rules_.emplace(pointer, grammar_.rules.size());
    if (added) open_.emplace_back(add_rule(pointer.empty() ? "/" : pointer), pointer);
    return found->second;
  }

  static std::string below(const std::string& pointer, const std::string& key) {
    return (Json::json_pointer(pointer) / key).to_string();
  }
  static std::string below(const std::string& pointer, std::size_t index) {
    return fmt::format("{}/{}", pointer, index);
  }

  // Only these keys, and annotations.
  static void allow(const Json& schema, const std::string& pointer,
                    const std::set<std::string>& known) {
    for (const auto& [key, unused] : schema.items()) {
      const bool annotation =
          std::find(kAnnotations.begin(), kAnnotations.end(), key) != kAnnotations.end();
      if (!annotation && !known.contains(key)) {
        fail(pointer, fmt::format("\"{}\" is not supported here; known are {}", key,
                                  fmt::join(known, ", ")));
      }
    }
  }

  Expression value(const Json& schema, const std::string& pointer) {
    if (schema.is_boolean()) {
      if (!schema.get<bool>()) fail(pointer, "false allows nothing");
      return rule_of(any_value());
    }
    if (!schema.is_object()) fail(pointer, "a schema is a table, true or false");
    if (schema.contains("$ref")) {
      allow(schema, pointer, {"$ref"});
      return rule_of(rule_at(target_of(schema.at("$ref"), below(pointer, "$ref"))));
    }
    if (schema.contains("const")) {
      allow(schema, pointer, {"const", "type"});
      return text_of(schema.at("const").dump());
    }
    if (schema.contains("enum")) {
      allow(schema, pointer, {"enum", "type"});
      return one_of(schema.at("enum"), below(pointer, "enum"));
    }
    for (const auto* key : {"anyOf", "oneOf", "allOf"}) {
      if (schema.contains(key)) return combination(schema, pointer, key);
    }
    return typed(schema, pointer);
  }

  std::string target_of(const Json& reference, const std::string& pointer) const {
    const auto text = reference.is_string() ? reference.get<std::string>() : std::string();
    if (!text.starts_with('#'))
      fail(pointer, "only references within the schema are known: \"#/...\"");
    const auto target = text.substr(1);
    try {
      if (!schema_.contains(Json::json_pointer(target)))
        fail(pointer, fmt::format("\"{}\" is not there", text));
    } catch (const nlohmann::json::exception&) {
      fail(pointer, fmt::format("\"{}\" is no JSON Pointer", text));
    }
    return target;
  }

  static Expression one_of(const Json& values, const std::string& pointer) {
    if (!values.is_array() || values.empty()) fail(pointer, "must be a list with a value");
    Expressions texts;
    for (const auto& each : values) texts.push_back(text_of(each.dump()));
    return choice_of(std::move(texts));
  }

  Expression combination(const Json& schema, const std::string& pointer, const std::string& key) {
    allow(schema, pointer, {key});
    const auto& parts = schema.at(key);
    const auto place = below(pointer, key);
    if (!parts.is_array() || parts.empty()) fail(place, "must be a list with a schema");
    if (key == "allOf" && parts.size() > 1) fail(place, "only allOf of one schema is supported");
    Expressions all;
    for (std::size_t i = 0; i < parts.size(); ++i) all.push_back(rule_of(rule_at(below(place, i))));
    return choice_of(std::move(all));
  }

  Expression typed(const Json& schema, const std::string& pointer) {
    if (!schema.contains("type")) {
      if (schema.contains("properties")) return object(schema, pointer);
      if (schema.contains("items") || schema.contains("prefixItems")) return array(schema, pointer);
      allow(schema, pointer, {"type", "enum", "const", "properties", "items", "anyOf", "$ref"});
      return rule_of(any_value());
    }
    const auto& type = schema.at("type");
    if (type.is_string()) return of_type(type.get<std::string>(), schema, pointer);
    if (!type.is_array() || type.empty())
      fail(pointer, "\"type\" must be a name or a list of names");
    Expressions all;
    for (const auto& each : type) {
      if (!each.is_string()) fail(pointer, "\"type\" must be a name or a list of names");
      all.push_back(of_type(each.get<std::string>(), schema, pointer));
    }
    return choice_of(std::move(all));
  }

  Expression of_type(const std::string& type, const Json& schema, const std::string& pointer) {
    const bool alone = schema.at("type").is_string();
    if (type == "string") {
      if (alone) allow(schema, pointer, {"type", "minLength", "maxLength", "pattern"});
      return string(schema, pointer);
    }
    if (type == "object") {
      if (alone) allow(schema, pointer, {"type", "properties", "required", "additionalProperties"});
      return object(schema, pointer);
    }
    if (type == "array") {
      if (alone) allow(schema, pointer, {"type", "items", "prefixItems", "minItems", "maxItems"});
      return array(schema, pointer);
    }
    if (alone) allow(schema, pointer, {"type"});
    if (type == "integer") return read_regex("-?(0|[1-9][0-9]*)");
    if (type == "number") return read_regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
    if (type == "boolean") return choice_of({text_of("true"), text_of("false")});
    if (type == "null") return text_of("null");
    fail(pointer, fmt::format("type \"{}\" is not known: string, number, integer, boolean, null, "
                              "object or array",
                              type));
  }

  std::optional<std::size_t> count(const Json& schema, const std::string& pointer,
                                   const char* key) const {
    if (!schema.contains(key)) return std::nullopt;
    const auto& value = schema.at(key);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMostRepetitions) {
      fail(below(pointer, std::string(key)),
           fmt::format("must be a whole number from 0 to {}", kMostRepetitions));
    }
    return value.get<std::size_t>();
  }

  Expression string(const Json& schema, const std::string& pointer) {
    const auto least = count(schema, pointer, "minLength");
    const auto most = count(schema, pointer, "maxLength");
    if (schema.contains("pattern")) {
      if (least || most)
        fail(pointer, "\"pattern\" does not go with a length; put it in the pattern");
      return quoted(written(pattern(schema.at("pattern"), below(pointer, "pattern"))));
    }
    if (most && least.value_or(0) > *most) fail(pointer, "minLength is above maxLength");
    return quoted(repeat_of(any_character(), least.value_or(0), most));
  }

  // A pattern may match anywhere in the string unless it says otherwise.
  static Expression pattern(const Json& value, const std::string& pointer) {
    if (!value.is_string()) fail(pointer, "must be a string");
    const auto text = value.get<std::string>();
    const bool closed = text.ends_with('$') && !text.ends_with("\\$");
    const auto anything = repeat_of(characters_of(complement({})), 0, std::nullopt);
    Expressions parts;
    if (!text.starts_with('^')) parts.push_back(anything);
    try {
      parts.push_back(read_regex(text));
    } catch (const Error& error) {
      fail(pointer, error.what());
    }
    if (!closed) parts.push_back(anything);
    return sequence_of(std::move(parts));
  }

  // A rule for what may follow each property, once with and once without something before it.
  Expression object(const Json& schema, const std::string& pointer) {
    const Json none = Json::object();
    const auto& properties = schema.contains("properties") ? schema.at("properties") : none;
    if (!properties.is_object()) fail(below(pointer, "properties"), "must be a table");
    const auto required = required_of(schema, pointer, properties);
    std::vector<std::string> names;
    for (const auto& [name, unused] : properties.items()) names.push_back(name);

    const auto rest = rest_of(schema, pointer, names.empty());
    Expression after =
        rest ? repeat_of(sequence_of({comma(), *rest}), 0, std::nullopt) : text_of("");
    Expression first =
        rest ? repeat_of(sequence_of({*rest, after}), 0, 1) : text_of("");  // nothing before it
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
      const auto place = below(below(pointer, "properties"), *name);
      const auto member =
          sequence_of({text_of(Json(*name).dump()), colon(), rule_of(rule_at(place))});
      const auto tail = add_rule(place + " and what follows");
      grammar_.rules[tail].body = sequence_of({member, after});
      const bool must = required.contains(*name);
      const auto with_comma = sequence_of({comma(), rule_of(tail)});
      auto next_first = must ? rule_of(tail) : choice_of({rule_of(tail), first});
      auto next_after = must ? with_comma : choice_of({with_comma, after});
      first = as_rule(std::move(next_first), place + " first");
      after = as_rule(std::move(next_after), place + " after others");
    }
    return sequence_of({text_of("{"), first, text_of("}")});
  }

  Expression as_rule(Expression body, std::string name) {
    const auto rule = add_rule(std::move(name));
    grammar_.rules[rule].body = std::move(body);
    return rule_of(rule);
  }

  static std::set<std::string> required_of(const Json& schema, const std::string& pointer,
                                           const Json& properties) {
    std::set<std::string> required;
    if (!schema.contains("required")) return required;
    for (const auto& each : schema.at("required")) {
      const auto name = each.is_string() ? each.get<std::string>() : std::string();
      if (!properties.contains(name))
        fail(below(pointer, "required"), fmt::format("{} is no property", each.dump()));
      required.insert(name);
    }
    return required;
  }

  // A member beside those that are named, where such are allowed. JSON Schema allows them unless
  // told otherwise; here only tables without named properties do, so that outputs come to an end.
  std::optional<Expression> rest_of(const Json& schema, const std::string& pointer, bool unnamed) {
    const auto found = schema.find("additionalProperties");
    if (found == schema.end() && !unnamed) return std::nullopt;
    if (found != schema.end() && found->is_boolean() && !found->get<bool>()) return std::nullopt;
    const auto value = found == schema.end() || found->is_boolean()
                           ? any_value()
                           : rule_at(below(pointer, "additionalProperties"));
    return sequence_of(
        {quoted(repeat_of(any_character(), 0, std::nullopt)), colon(), rule_of(value)});
  }

  Expression array(const Json& schema, const std::string& pointer) {
    const auto least = count(schema, pointer, "minItems").value_or(0);
    const auto most = count(schema, pointer, "maxItems");
    if (most && least > *most) fail(pointer, "minItems is above maxItems");
    if (schema.contains("prefixItems")) return tuple(schema, pointer);
    const auto item =
        rule_of(schema.contains("items") ? rule_at(below(pointer, "items")) : any_value());
    if (most && *most == 0) return text_of("[]");
    const auto more = repeat_of(sequence_of({comma(), item}), least > 0 ? least - 1 : 0,
                                most ? std::optional(*most - 1) : std::nullopt);
    const auto items = sequence_of({item, more});
    return sequence_of({text_of("["), least > 0 ? items : repeat_of(items, 0, 1), text_of("]")});
  }

  // All that are listed, and no others.
  Expression tuple(const Json& schema, const std::string& pointer) {
    for (const auto* key : {"items", "minItems", "maxItems"}) {
      const bool none = schema.contains(key) && schema.at(key) == Json(false);
      if (schema.contains(key) && !none)
        fail(pointer, fmt::format("\"{}\" is not supported beside prefixItems", key));
    }
    const auto place = below(pointer, "prefixItems");
    const auto& items = schema.at("prefixItems");
    if (!items.is_array() || items.empty()) fail(place, "must be a list with a schema");
    Expressions parts = {text_of("[")};
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) parts.push_back(comma());
      parts.push_back(rule_of(rule_at(below(place, i))));
    }
    parts.push_back(text_of("]"));
    return sequence_of(std::move(parts));
  }

  // The rule of any JSON value.
  std::size_t any_value() {
    if (any_value_) return *any_value_;
    const auto rule = add_rule("any value");
    any_value_ = rule;
    const auto string = quoted(repeat_of(any_character(), 0, std::nullopt));
    const auto list = [](const Expression& part) {
      return repeat_of(
          sequence_of({part, repeat_of(sequence_of({comma(), part}), 0, std::nullopt)}), 0, 1);
    };
    const auto value = rule_of(rule);
    const auto member = sequence_of({string, colon(), value});
    const Json any = {{"type", "number"}};
    grammar_.rules[rule].body =
        choice_of({string, of_type("number", any, ""), text_of("true"), text_of("false"),
                   text_of("null"), sequence_of({text_of("{"), list(member), text_of("}")}),
                   sequence_of({text_of("["), list(value), text_of("]")})});
    return rule;
  }

  Json schema_;
  Grammar grammar_;
  std::map<std::string, std::size_t> rules_;               // by the place of their schema
  std::vector<std::pair<std::size_t, std::string>> open_;  // rules without a body yet
  std::optional<std::size_t> any_value_;
};

}  // namespace

Grammar read_json_schema(std::string_view schema) {
  return SchemaReader(schema).read();
}

}  // namespace trellis::grammar

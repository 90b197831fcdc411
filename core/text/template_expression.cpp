#include "core/text/template_expression.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text/json.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

using nlohmann::json;
using Kind = TemplateExpression::Kind;

std::string text_of(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  return write_json(value);
}

[[noreturn]] void fail(std::size_t line, const std::string& what) {
  throw Error(Fault::usage, template_message(line, what));
}

std::int64_t integer_of(const json& value, std::size_t line) {
  if (!value.is_number_integer()) fail(line, "needs a whole number: " + text_of(value));
  return value.get<std::int64_t>();
}

// Where a place that may count from the end lies in so many.
std::int64_t clamped(std::int64_t place, std::size_t size) {
  const auto count = static_cast<std::int64_t>(size);
  return std::clamp<std::int64_t>(place < 0 ? place + count : place, 0, count);
}

json member(const json& value, const json& key, std::size_t line) {
  if (key.is_string()) {
    if (!value.is_object()) return nullptr;
    const auto found = value.find(key.get<std::string>());
    return found == value.end() ? json() : *found;
  }
  const auto place = integer_of(key, line);
  if (!value.is_array()) return nullptr;
  const auto size = static_cast<std::int64_t>(value.size());
  const auto index = place < 0 ? place + size : place;
  return index < 0 || index >= size ? json() : value[static_cast<std::size_t>(index)];
}

json slice(const json& value, const json& first, const json& last, std::size_t line) {
  if (!value.is_array()) fail(line, "only lists can be cut");
  const auto begin = first.is_null() ? 0 : clamped(integer_of(first, line), value.size());
  const auto end = last.is_null() ? static_cast<std::int64_t>(value.size())
                                  : clamped(integer_of(last, line), value.size());
  json part = json::array();
  for (auto i = begin; i < end; ++i) part.push_back(value[static_cast<std::size_t>(i)]);
  return part;
}

json filter(const std::string& name, const json& value) {
  if (name == "length")
    return value.is_string() ? split_code_points(value.get_ref<const std::string&>()).size()
                             : value.size();
  const std::string text = text_of(value);
  if (name == "trim") return std::string(strip(text));
  if (name == "lower") return to_lower(text);
  std::string upper = text;
  for (char& character : upper)
    if (character >= 'a' && character <= 'z') character = static_cast<char>(character - 'a' + 'A');
  return upper;
}

bool contains(const json& in, const json& what) {
  if (in.is_string() && what.is_string())
    return in.get_ref<const std::string&>().find(what.get_ref<const std::string&>()) !=
           std::string::npos;
  if (in.is_object() && what.is_string()) return in.contains(what.get<std::string>());
  return in.is_array() && std::find(in.begin(), in.end(), what) != in.end();
}

// What two numbers, or two texts that are added, give.
json compute(Kind kind, const json& left, const json& right, std::size_t line) {
  if (kind == Kind::add && left.is_string() && right.is_string())
    return left.get_ref<const std::string&>() + right.get_ref<const std::string&>();
  if (kind == Kind::add && (left.is_string() || right.is_string()))
    fail(line, "+ needs two texts or two numbers");
  const std::int64_t a = integer_of(left, line);
  const std::int64_t b = integer_of(right, line);
  std::int64_t result = 0;
  switch (kind) {
    case Kind::less:
      return a < b;
    case Kind::greater:
      return a > b;
    case Kind::less_equal:
      return a <= b;
    case Kind::greater_equal:
      return a >= b;
    case Kind::remainder:
      if (b <= 0) fail(line, "% needs a number above 0");
      return a % b;
    case Kind::add:
      if (__builtin_add_overflow(a, b, &result)) fail(line, "a number is too large");
      return result;
    default:
      if (__builtin_sub_overflow(a, b, &result)) fail(line, "a number is too large");
      return result;
  }
}

}  // namespace

const json* TemplateScopes::find(std::string_view name) const {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    const auto found = scope->find(name);
    if (found != scope->end()) return &found->second;
  }
  return nullptr;
}

json TemplateExpression::evaluate(const TemplateScopes& scopes) const {
  const auto part = [&](std::size_t i) { return parts.at(i).evaluate(scopes); };
  switch (kind) {
    case Kind::literal:
      return value;
    case Kind::name: {
      const json* found = scopes.find(name);
      return found == nullptr ? json() : *found;
    }
    case Kind::member:
      return member(part(0), part(1), line);
    case Kind::slice:
      return slice(part(0), part(1), part(2), line);
    case Kind::negation:
      return !is_true(part(0));
    case Kind::join:
      return text_of(part(0)) + text_of(part(1));
    case Kind::equal:
      return part(0) == part(1);
    case Kind::unequal:
      return part(0) != part(1);
    case Kind::contains:
      return contains(part(1), part(0));
    case Kind::both: {
      const json left = part(0);
      return is_true(left) ? part(1) : left;
    }
    case Kind::either: {
      const json left = part(0);
      return is_true(left) ? left : part(1);
    }
    case Kind::filter:
      return filter(name, part(0));
    case Kind::test: {
      const json tested = part(0);
      if (name == "string") return tested.is_string();
      return name == "defined" ? !tested.is_null() : tested.is_null();
    }
    case Kind::raise:
      fail(line, text_of(part(0)));
    case Kind::minus:
      return compute(Kind::subtract, 0, part(0), line);
    default:
      return compute(kind, part(0), part(1), line);
  }
}

bool is_true(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.empty();
}

}  // namespace trellis::text

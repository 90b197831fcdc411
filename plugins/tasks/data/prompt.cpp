#include "plugins/tasks/data/prompt.hpp"

#include <fmt/format.h>

#include "core/text/unicode.hpp"

namespace trellis::tasks {
namespace {

constexpr std::string_view kTarget = "target";

/// Fields that a template may name, in the example's order.
std::string names_of(const Json& example) {
  std::string names;
  const auto add = [&](const std::string& name) { names += (names.empty() ? "" : ", ") + name; };
  for (const auto* key : {"source", "prefix", "id"}) {
    if (example.contains(key)) add(key);
  }
  for (const auto* group : {"shown", "fields"}) {
    if (!example.contains(group)) continue;
    for (const auto& [key, value] : example[group].items()) {
      if (value.is_primitive() && !value.is_null()) add(key);
    }
  }
  return names;
}

const Json* find_field(const Json& example, const std::string& name) {
  for (const auto* key : {"source", "prefix", "id"}) {
    if (name == key && example.contains(key)) return &example[key];
  }
  for (const auto* group : {"shown", "fields"}) {
    if (!example.contains(group)) continue;
    const auto found = example[group].find(name);
    if (found != example[group].end() && found->is_primitive() && !found->is_null()) return &*found;
  }
  return nullptr;
}

}  // namespace

void PromptTemplate::fail(const std::string& why) const {
  throw sdk::Failure(TRELLIS_INVALID_ARGUMENT,
                     fmt::format("prompt = {}: {}", Json(written_).dump(), why));
}

PromptTemplate::PromptTemplate(const std::string& text) : written_(text) {
  const auto characters = text::split_code_points(text);
  bool answered = false;
  std::string literal;
  for (std::size_t i = 0; i < characters.size(); ++i) {
    const auto character = characters[i];
    const bool brace = character == "{" || character == "}";
    if (!brace || (i + 1 < characters.size() && characters[i + 1] == character)) {
      literal += character;
      if (brace) ++i;
      continue;
    }
    if (character == "}")
      fail(fmt::format("character {}: \"}}\" closes nothing; write }}}}", i + 1));
    std::string name;
    const std::size_t column = i + 1;
    for (++i; i < characters.size() && characters[i] != "}"; ++i) name += characters[i];
    if (i == characters.size()) {
      fail(fmt::format("character {}: \"{{\" is not closed; write {{{{ for a brace", column));
    }
    if (name == kTarget) {
      if (answered) fail("{target} is there twice");
      answered = true;
      const auto kept = text::strip_right(literal).size();
      gap_ = literal.substr(kept);
      pieces_.push_back({literal.substr(0, kept), false, 0});
      literal.clear();
    } else {
      if (answered)
        fail(fmt::format("character {}: {{{}}} stands behind {{target}}", column, name));
      pieces_.push_back({literal, false, 0});
      pieces_.push_back({name, true, column});
      literal.clear();
    }
  }
  if (!answered) fail("{target} must say where the answer goes");
  end_ = literal;
}

std::string PromptTemplate::field(const Json& example, const Piece& piece) const {
  const auto* value = find_field(example, piece.text);
  if (value == nullptr) {
    fail(fmt::format("character {}: no field \"{}\"; there are: {}, target", piece.column,
                     piece.text, names_of(example)));
  }
  return value->is_string() ? value->get<std::string>() : value->dump();
}

std::string PromptTemplate::filled(const Json& example) const {
  std::string text;
  for (const auto& piece : pieces_) text += piece.is_field ? field(example, piece) : piece.text;
  return text;
}

Json PromptTemplate::prompt(const Json& example, const std::string& shots) const {
  Json prompt = example;
  prompt["prefix"] = shots + filled(example);
  prompt.erase("source");
  if (prompt.contains("references")) {
    for (auto& reference : prompt["references"]) {
      reference = gap_ + reference.get<std::string>();
    }
  }
  if (!end_.empty()) prompt["reference_ends"] = false;
  prompt["fields"]["prompted"] = true;
  return prompt;
}

std::string PromptTemplate::solved(const Json& example) const {
  const auto references = example.value("references", std::vector<std::string>());
  if (references.empty()) fail("an example without a reference cannot be shown as a solved one");
  return filled(example) + gap_ + references.front() + end_;
}

}  // namespace trellis::tasks

#include "plugins/tasks/data/examples.hpp"

#include <fmt/format.h>

#include "core/text/lines.hpp"

namespace trellis::tasks {
namespace {

// A record that names no id is known by its place.
void name_examples(std::vector<Json>& examples, const std::string& path, trellis_split split) {
  std::set<std::string> ids;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    auto& example = examples[i];
    if (!example.contains("id")) example["id"] = fmt::format("{}-{}", split_name(split), i + 1);
    const auto& id = example["id"].get_ref<const std::string&>();
    if (!ids.insert(id).second) {
      throw sdk::Failure(TRELLIS_BAD_DATA,
                         fmt::format("{}: the id \"{}\" is there twice; rename one", path, id));
    }
  }
}

}  // namespace

const char* split_name(trellis_split split) {
  static constexpr std::array kNames = {"train", "valid", "test"};
  return kNames.at(static_cast<std::size_t>(split));
}

void Record::fail(const std::string& why) const {
  throw sdk::Failure(TRELLIS_BAD_DATA, fmt::format("{}: {}", place_, why));
}

std::string Record::text(const char* key) const {
  if (!has(key)) fail(fmt::format("the key \"{}\" is missing", key));
  if (!json_[key].is_string()) fail(fmt::format("\"{}\" must be a text", key));
  return json_[key].get<std::string>();
}

std::vector<std::string> Record::texts(const char* key) const {
  if (!has(key)) fail(fmt::format("the key \"{}\" is missing", key));
  const auto& list = json_[key];
  if (!list.is_array()) fail(fmt::format("\"{}\" must be a list of texts", key));
  std::vector<std::string> texts;
  for (const auto& element : list) {
    if (!element.is_string()) fail(fmt::format("\"{}\" must be a list of texts", key));
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

std::string Record::id() const {
  for (const auto* key : {"id", "task_id"}) {
    if (!has(key)) continue;
    if (json_[key].is_string()) return json_[key].get<std::string>();
    if (json_[key].is_number_integer()) return json_[key].dump();
    fail(fmt::format("\"{}\" must be a text or a whole number", key));
  }
  return {};
}

std::vector<Json> read_json_lines(const std::string& path, trellis_split split,
                                  const Convert& convert) {
  std::vector<Json> examples;
  std::map<std::string, std::size_t> lines_of_ids;
  text::for_each_json_line(path, [&](std::size_t line, const Json& json) {
    const Record record(json, fmt::format("{}:{}:1", path, line));
    auto made = convert(record, split);
    const auto id = record.id();
    if (const auto [first, fresh] = lines_of_ids.emplace(id, line); !fresh && !id.empty()) {
      record.fail(
          fmt::format("the id \"{}\" is that of line {} already; every example needs its own", id,
                      first->second));
    }
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (!id.empty()) made[i]["id"] = made.size() == 1 ? id : fmt::format("{}-{}", id, i + 1);
      examples.push_back(std::move(made[i]));
    }
  });
  return examples;
}

std::vector<Json> read_parallel(const std::string& sources, const std::string& references) {
  std::vector<Json> examples;
  text::for_each_line(sources, [&](std::size_t, std::string_view line) {
    examples.push_back({{"source", line}});
  });
  std::size_t count = 0;
  text::for_each_line(references, [&](std::size_t, std::string_view line) {
    if (count < examples.size()) examples[count]["references"] = {std::string(line)};
    ++count;
  });
  if (count != examples.size()) {
    throw sdk::Failure(TRELLIS_BAD_DATA, fmt::format("{} has {} lines, but {} has {}", sources,
                                                     examples.size(), references, count));
  }
  return examples;
}

const std::vector<Json>& Examples::load(trellis_split split) {
  const auto [found, fresh] = loaded_.try_emplace(split);
  const auto& path = paths_.at(static_cast<std::size_t>(split));
  if (!fresh || path.empty()) return found->second;
  try {
    found->second = read_(split);
    if (found->second.empty()) {
      throw sdk::Failure(TRELLIS_BAD_DATA, fmt::format("{}: holds no example", path));
    }
    name_examples(found->second, path, split);
  } catch (...) {
    loaded_.erase(found);
    throw;
  }
  return found->second;
}

Json common_example(const Record& record) {
  Json example = {{"source", record.text("source")}};
  if (record.has("references")) {
    example["references"] = record.texts("references");
  } else {
    example["references"] = {record.text(record.has("target") ? "target" : "reference")};
  }
  if (example["references"].empty()) record.fail("\"references\" must not be empty");
  keep_fields(record, {"id", "source", "references", "target", "reference"}, example);
  return example;
}

void keep_fields(const Record& record, const std::set<std::string>& used, Json& example) {
  for (const auto& [key, value] : record.json().items()) {
    if (!used.contains(key)) example["fields"][key] = value;
  }
}

}  // namespace trellis::tasks

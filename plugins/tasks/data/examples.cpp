#include "plugins/tasks/data/examples.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

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

constexpr std::size_t kMostValues = 20;  // of a field, in a message

const std::string& path_of(const DataOptions& options, trellis_split split) {
  const std::array paths = {&options.train, &options.valid, &options.test};
  return *paths.at(static_cast<std::size_t>(split));
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

Examples::Examples(const DataOptions& options, const std::string& default_prompt, Read read)
    : options_(options), read_(std::move(read)) {
  if (!options_.prompt.empty()) training_prompt_.emplace(options_.prompt);
  test_prompt_ = training_prompt_;
  if (options_.shots == 0) return;
  // Training never depends on what is shown in tests.
  if (!test_prompt_) test_prompt_.emplace(default_prompt);
  if (test_prompt_->end().empty()) {
    throw sdk::Failure(TRELLIS_INVALID_ARGUMENT,
                       "prompt: nothing stands behind {target}, so solved examples would run into "
                       "one another; end it with \"\\n\\n\", for example");
  }
}

const std::vector<Json>& Examples::load(trellis_split split) {
  const auto [found, fresh] = loaded_.try_emplace(split);
  if (!fresh || path_of(options_, split).empty()) return found->second;
  try {
    found->second = read_split(split);
  } catch (...) {
    loaded_.erase(found);
    throw;
  }
  return found->second;
}

std::vector<Json> Examples::read_split(trellis_split split) const {
  const auto& path = path_of(options_, split);
  auto examples = read_(path, split);
  if (examples.empty()) {
    throw sdk::Failure(TRELLIS_BAD_DATA, fmt::format("{}: holds no example", path));
  }
  name_examples(examples, path, split);
  if (split == TRELLIS_SPLIT_TEST) keep_subset(examples);
  const auto& prompt = split == TRELLIS_SPLIT_TEST ? test_prompt_ : training_prompt_;
  auto stop = options_.stop;
  if (prompt) {
    const auto shots = split == TRELLIS_SPLIT_TEST ? solved_examples(*prompt) : std::string();
    for (auto& example : examples) example = prompt->prompt(example, shots);
    if (!prompt->end().empty()) stop.push_back(prompt->end());
  }
  for (auto& example : examples) {
    example.erase("shown");
    example["max_new_tokens"] = options_.max_new_tokens;
    if (!stop.empty()) example["stop"] = stop;
  }
  return examples;
}

std::string Examples::solved_examples(const PromptTemplate& prompt) const {
  if (options_.shots == 0) return {};
  const auto& path = options_.shots_file.empty() ? options_.train : options_.shots_file;
  if (path.empty()) {
    throw sdk::Failure(TRELLIS_INVALID_ARGUMENT,
                       fmt::format("shots = {}: there are no examples to show; name a file by "
                                   "`shots_file` or `train`",
                                   options_.shots));
  }
  const auto wanted = static_cast<std::size_t>(options_.shots);
  auto examples = read_(path, TRELLIS_SPLIT_TRAIN);
  if (examples.size() < wanted) {
    throw sdk::Failure(
        TRELLIS_INVALID_ARGUMENT,
        fmt::format("shots = {}: {} holds only {} examples", wanted, path, examples.size()));
  }
  name_examples(examples, path, TRELLIS_SPLIT_TRAIN);
  std::string shots;
  for (std::size_t i = 0; i < wanted; ++i) shots += prompt.solved(examples[i]);
  return shots;
}

void Examples::keep_subset(std::vector<Json>& examples) const {
  for (const auto& condition : options_.where) {
    const auto equals = condition.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw sdk::Failure(TRELLIS_INVALID_ARGUMENT,
                         fmt::format("where: \"{}\" is not of the form field=value", condition));
    }
    const auto field = condition.substr(0, equals);
    const auto value = condition.substr(equals + 1);
    std::set<std::string> values;
    std::erase_if(examples, [&](const Json& example) {
      const auto fields = example.value("fields", Json::object());
      const auto found = fields.find(field);
      if (found == fields.end()) return true;
      const auto text = found->is_string() ? found->get<std::string>() : found->dump();
      if (values.size() < kMostValues) values.insert(text);
      return text != value;
    });
    if (!examples.empty()) continue;
    throw sdk::Failure(
        TRELLIS_INVALID_ARGUMENT,
        fmt::format("where: no test example has {}; {}", condition,
                    values.empty() ? fmt::format("none has a field \"{}\"", field)
                                   : fmt::format("its values are: {}", fmt::join(values, ", "))));
  }
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

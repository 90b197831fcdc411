#include "plugins/tasks/data/examples.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

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

// Those that all the conditions of a setting hold for; throws when there are none.
void keep_subset(std::vector<Json>& examples, trellis_split split,
                 const std::vector<std::string>& conditions) {
  const char* setting = split == TRELLIS_SPLIT_TEST ? "where" : "train_where";
  for (const auto& condition : conditions) {
    const auto equals = condition.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw sdk::Failure(
          TRELLIS_INVALID_ARGUMENT,
          fmt::format("{}: \"{}\" is not of the form field=value", setting, condition));
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
        fmt::format("{}: no {} example has {}; {}", setting, split_name(split), condition,
                    values.empty() ? fmt::format("none has a field \"{}\"", field)
                                   : fmt::format("its values are: {}", fmt::join(values, ", "))));
  }
}

constexpr double kMostPasses = 1000;

void check_mixture(const DataOptions& options) {
  if (options.train.empty() && !options.train_also.empty()) {
    throw sdk::Failure(TRELLIS_INVALID_ARGUMENT,
                       "train_also: needs a first file; name it by `train`");
  }
  const auto& weights = options.train_weights;
  if (weights.empty()) return;
  if (weights.size() != 1 + options.train_also.size()) {
    throw sdk::Failure(
        TRELLIS_INVALID_ARGUMENT,
        fmt::format("train_weights: has {} numbers for {} files; give one for `train` "
                    "and one for each of `train_also`",
                    weights.size(), 1 + options.train_also.size()));
  }
  for (const auto& weight : weights) {
    if (weight.is_number() && weight > 0 && weight <= kMostPasses) continue;
    throw sdk::Failure(TRELLIS_INVALID_ARGUMENT, fmt::format("train_weights = {}: must be a number "
                                                             "in (0, {}]",
                                                             weight.dump(), kMostPasses));
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

Examples::Examples(const DataOptions& options, const std::string& default_prompt, Read read)
    : options_(options), read_(std::move(read)) {
  check_mixture(options_);
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

std::vector<Json> Examples::read_split(trellis_split split) {
  const bool mixed = !options_.train_also.empty() || !options_.train_weights.empty();
  auto examples = split == TRELLIS_SPLIT_TRAIN && mixed
                      ? read_mixture()
                      : read_file(path_of(options_, split), split);
  for (auto& example : examples) show(example, split);
  return examples;
}

void Examples::show(Json& example, trellis_split split) {
  const bool test = split == TRELLIS_SPLIT_TEST;
  auto stop = options_.stop;
  if (const auto& prompt = test ? test_prompt_ : training_prompt_) {
    example = prompt->prompt(example, test ? solved_examples(*prompt) : std::string());
    if (!prompt->end().empty()) stop.push_back(prompt->end());
  }
  example.erase("shown");
  example["max_new_tokens"] = options_.max_new_tokens;
  if (!stop.empty()) example["stop"] = stop;
}

Json Examples::as_test(Json example) {
  show(example, TRELLIS_SPLIT_TEST);
  return example;
}

std::vector<Json> Examples::read_file(const std::string& path, trellis_split split) const {
  auto examples = read_(path, split);
  if (examples.empty()) {
    throw sdk::Failure(TRELLIS_BAD_DATA, fmt::format("{}: holds no example", path));
  }
  name_examples(examples, path, split);
  keep_subset(examples, split, split == TRELLIS_SPLIT_TEST ? options_.where : options_.train_where);
  return examples;
}

// Every file's examples as often as its weight says; of a pass that is not whole, those at even
// distances.
std::vector<Json> Examples::read_mixture() const {
  std::vector<std::string> paths = {options_.train};
  paths.insert(paths.end(), options_.train_also.begin(), options_.train_also.end());
  std::vector<Json> mixture;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const auto examples = read_file(paths[i], TRELLIS_SPLIT_TRAIN);
    const auto& weights = options_.train_weights;
    const double passes = weights.empty() ? 1 : weights[i].get<double>();
    const auto count =
        static_cast<std::size_t>(std::llround(passes * static_cast<double>(examples.size())));
    const std::size_t whole = count - count % examples.size();
    for (std::size_t k = 0; k < count; ++k) {
      const std::size_t at =
          k < whole ? k % examples.size() : (k - whole) * examples.size() / (count - whole);
      auto& example = mixture.emplace_back(examples[at]);
      example["id"] = fmt::format("{}.{}.{}", i + 1, k / examples.size() + 1,
                                  example["id"].get_ref<const std::string&>());
    }
  }
  return mixture;
}

const std::string& Examples::solved_examples(const PromptTemplate& prompt) {
  if (shots_) return *shots_;
  if (options_.shots == 0) return shots_.emplace();
  const auto& path = options_.shots_file.empty() ? options_.train : options_.shots_file;
  if (path.empty()) {
    throw sdk::Failure(TRELLIS_INVALID_ARGUMENT,
                       fmt::format("shots = {}: there are no examples to show; name a file by "
                                   "`shots_file` or `train`",
                                   options_.shots));
  }
  const auto wanted = static_cast<std::size_t>(options_.shots);
  auto examples = read_file(path, TRELLIS_SPLIT_TRAIN);
  if (examples.size() < wanted) {
    throw sdk::Failure(
        TRELLIS_INVALID_ARGUMENT,
        fmt::format("shots = {}: {} holds only {} examples", wanted, path, examples.size()));
  }
  std::string shots;
  for (std::size_t i = 0; i < wanted; ++i) shots += prompt.solved(examples[i]);
  return shots_.emplace(std::move(shots));
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

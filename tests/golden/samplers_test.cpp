/// The logits processors, alone and chained, against the figures of transformers' and llama.cpp's.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "core/kernels/distribution.hpp"
#include "core/kernels/selection.hpp"
#include "core/plugin/strategy.hpp"
#include "tests/abi/host.hpp"

namespace trellis {
namespace {

using nlohmann::json;

// The reference works in float32, so its probabilities carry its rounding.
constexpr double kProbabilityTolerance = 2e-6;
// A sum of p log p over up to 5000 such probabilities.
constexpr double kEntropyTolerance = 2e-5;

// An operation of the reference in our words: which plugin with which settings sees what. A plugin
// without a name leaves the logits alone.
struct Operation {
  std::string plugin;
  json settings = json::object();
  std::size_t prompt = 1;  // how much of the history is the prompt
  std::vector<std::int32_t> eos = {};
  std::vector<std::int32_t> encoder = {};
  std::size_t max_new_tokens = 0;
};

using History = std::vector<std::int32_t>;

// One id or a list of them.
std::vector<std::int32_t> ids(const json& value) {
  if (value.is_null()) return {};
  if (value.is_array()) return value.get<std::vector<std::int32_t>>();
  return {value.get<std::int32_t>()};
}

std::string spaced(const json& sequence) {
  std::string line;
  for (const auto& id : sequence) {
    line += id.dump();
    line += ' ';
  }
  return line;
}

// Operations whose settings have other names here, or none.
const std::map<std::string, std::map<std::string, std::string>> kRenamed = {
    {"encoder_repetition_penalty", {{"penalty", "penalty"}}},
    {"encoder_no_repeat_ngram", {{"encoder_ngram_size", "n"}}},
    {"epsilon", {{"epsilon", "epsilon"}, {"min_tokens_to_keep", "min_tokens_to_keep"}}},
    {"eta", {{"epsilon", "epsilon"}, {"min_tokens_to_keep", "min_tokens_to_keep"}}},
    {"log_normalize", {}},
    {"min_length", {{"min_length", "tokens"}}},
    {"min_new_tokens", {{"min_new_tokens", "tokens"}}},
    {"min_p", {{"min_p", "min_p"}, {"min_tokens_to_keep", "min_tokens_to_keep"}}},
    {"no_repeat_ngram", {{"ngram_size", "n"}}},
    {"repetition_penalty", {{"penalty", "penalty"}}},
    {"temperature", {{"temperature", "temperature"}}},
    {"top_h", {{"top_h", "top_h"}}},
    {"top_k", {{"top_k", "k"}, {"min_tokens_to_keep", "min_tokens_to_keep"}}},
    {"top_p", {{"top_p", "top_p"}, {"min_tokens_to_keep", "min_tokens_to_keep"}}},
    {"typical", {{"mass", "mass"}, {"min_tokens_to_keep", "min_tokens_to_keep"}}}};

// Operations on lists of tokens.
void add_lists(const json& given, const History& history, Operation& operation) {
  const auto op = given.at("op").get<std::string>();
  auto& settings = operation.settings;
  if (op == "bad_words") {
    operation.plugin = "banned_tokens";
    for (const auto& sequence : given.at("bad_words_ids")) {
      // The reference drops a ban of the end symbol; here such a ban means what it says.
      const bool end =
          sequence.size() == 1 && std::count(operation.eos.begin(), operation.eos.end(),
                                             sequence[0].get<std::int32_t>()) > 0;
      if (!end) settings["sequences"].push_back(spaced(sequence));
    }
  } else if (op == "suppress") {
    operation.plugin = "banned_tokens";
    settings["tokens"] = given.at("suppress_tokens");
  } else if (op == "suppress_at_begin") {
    const auto begin = given.at("begin_index").get<std::size_t>();
    if (history.size() != begin) return;
    operation.plugin = "banned_tokens";
    operation.prompt = begin;
    settings = {{"tokens", given.at("begin_suppress_tokens")}, {"first", 1}};
  } else if (op == "prefix_allowed") {
    operation.plugin = "allowed_tokens";
    settings = {{"tokens", given.at("allowed")}, {"eos", false}};
  } else if (op == "forced_bos") {
    if (history.size() != 1) return;  // the first token of the whole history, prompt included
    operation.plugin = "forced_tokens";
    settings = {{"tokens", {given.at("bos_token_id")}}};
  } else if (op == "sequence_bias") {
    operation.plugin = "logit_bias";
    settings = {{"sequences", json::array()}, {"biases", json::array()}};
    for (const auto& pair : given.at("sequence_bias")) {
      settings["sequences"].push_back(spaced(pair.at(0)));
      settings["biases"].push_back(pair.at(1));
    }
  }
}

// A history of `prompt` tokens and what was generated; the reference counts from the former.
Operation translate(const json& given, const History& history) {
  const auto op = given.at("op").get<std::string>();
  Operation operation;
  if (given.contains("eos_token_id")) operation.eos = ids(given["eos_token_id"]);
  if (given.contains("encoder_input_ids")) operation.encoder = ids(given["encoder_input_ids"]);
  const auto split_at = [&](const char* key) {
    operation.prompt = std::min(given.at(key).get<std::size_t>(), history.size());
  };
  if (const auto renamed = kRenamed.find(op); renamed != kRenamed.end()) {
    operation.plugin = op;
    for (const auto& [theirs, ours] : renamed->second) {
      if (given.contains(theirs)) operation.settings[ours] = given.at(theirs);
    }
    if (given.contains("prompt_length_to_skip")) split_at("prompt_length_to_skip");
    if (given.contains("prompt_ignore_length")) {
      split_at("prompt_ignore_length");
      operation.settings["include_prompt"] = false;
    }
  } else if (op == "exp_decay_length") {
    operation.plugin = "exponential_decay_length";
    const auto& pair = given.at("exponential_decay_length_penalty");
    operation.settings = {{"start", pair.at(0)}, {"factor", pair.at(1)}};
    split_at("input_ids_seq_length");
  } else if (op == "forced_eos") {
    operation.plugin = "forced_eos";
    operation.max_new_tokens = given.at("max_length").get<std::size_t>() - operation.prompt;
  } else {
    add_lists(given, history, operation);
  }
  return operation;
}

// The two halves of the reference's one operation.
std::vector<Operation> translate_counts(const json& given, const History& history) {
  Operation operation;
  operation.prompt = std::min(given.at("start").get<std::size_t>(), history.size());
  operation.settings["include_prompt"] = false;
  std::vector<Operation> both(2, operation);
  both[0].plugin = "frequency_penalty";
  both[0].settings["penalty"] = given.at("frequency");
  both[1].plugin = "presence_penalty";
  both[1].settings["penalty"] = given.at("presence");
  return both;
}

std::filesystem::path figures(const char* name) {
  const char* chosen = std::getenv("TRELLIS_GOLDENS");
  const std::filesystem::path folder =
      chosen != nullptr ? chosen : TRELLIS_SOURCE_DIR "/tests/golden";
  return folder / "samplers" / name;
}

float number(const json& value) {
  if (!value.is_string()) return static_cast<float>(value.get<double>());
  const auto text = value.get<std::string>();
  if (text == "nan") return std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  return text == "-inf" ? -infinity : infinity;
}

void apply(plugin::Registry& registry, const Operation& operation, const History& history,
           std::vector<float>& logits) {
  if (operation.plugin.empty()) return;
  const auto& description = registry.get(plugin::Kind::logits_processor, operation.plugin);
  json settings;  // unchecked: the reference also allows values at the borders of ours
  for (const auto& setting : description.settings) settings[setting.name] = setting.default_value;
  settings.update(operation.settings);
  const trellis_sequence sequence{sizeof(trellis_sequence),
                                  history.data(),
                                  operation.prompt,
                                  history.data() + operation.prompt,
                                  history.size() - operation.prompt,
                                  operation.eos.data(),
                                  operation.eos.size(),
                                  operation.encoder.data(),
                                  operation.encoder.size(),
                                  operation.max_new_tokens,
                                  nullptr};
  plugin::LogitsProcessor::create(registry, operation.plugin, settings).apply(sequence, logits);
}

std::vector<float> process(plugin::Registry& registry, const json& operations,
                           const History& history, std::vector<float> logits) {
  for (const auto& given : operations) {
    if (given.at("op") == "frequency_presence") {
      for (const auto& half : translate_counts(given, history)) {
        apply(registry, half, history, logits);
      }
    } else {
      apply(registry, translate(given, history), history, logits);
    }
  }
  return logits;
}

std::vector<std::size_t> ids_of(const json& expected, std::size_t vocab_size) {
  std::vector<std::size_t> ids(vocab_size);
  std::iota(ids.begin(), ids.end(), 0);
  if (expected.contains("removed")) {
    const auto removed = expected["removed"].get<std::vector<std::size_t>>();
    std::erase_if(ids, [&](std::size_t id) {
      return std::find(removed.begin(), removed.end(), id) != removed.end();
    });
    return ids;
  }
  if (expected.at("kept") == "all") return ids;
  return expected["kept"].get<std::vector<std::size_t>>();
}

void compare_invalid(const std::vector<float>& scores, const json& expected) {
  EXPECT_FALSE(kernels::has_choice(scores));
  const auto count = [&](auto&& matches) {
    return static_cast<int>(std::count_if(scores.begin(), scores.end(), matches));
  };
  EXPECT_EQ(count([](float x) { return std::isnan(x); }), expected.at("n_nan"));
  EXPECT_EQ(count([](float x) { return std::isinf(x) && x > 0; }), expected.at("n_posinf"));
  EXPECT_EQ(count([](float x) { return std::isinf(x) && x < 0; }), expected.at("n_neginf"));
}

std::vector<std::size_t> kept_in(const std::vector<float>& scores) {
  std::vector<std::size_t> kept;
  for (std::size_t id = 0; id < scores.size(); ++id) {
    if (!std::isinf(scores[id])) kept.push_back(id);
  }
  return kept;
}

// Which tokens stay, and the probabilities of some of them.
void expect_probabilities(const std::vector<float>& scores, const std::vector<std::size_t>& kept,
                          const std::vector<std::size_t>& probe,
                          const std::vector<double>& figures) {
  ASSERT_EQ(kept_in(scores), kept);
  std::vector<double> probabilities(scores.size());
  kernels::softmax(scores, probabilities);
  ASSERT_EQ(probe.size(), figures.size());
  for (std::size_t i = 0; i < probe.size(); ++i) {
    EXPECT_NEAR(probabilities[probe[i]], figures[i], kProbabilityTolerance) << "token " << probe[i];
  }
}

void compare(const std::vector<float>& scores, const json& expected) {
  const auto kept = kept_in(scores);
  std::vector<double> probabilities(scores.size());
  kernels::softmax(scores, probabilities);
  const auto figures = expected.at("probs").get<std::vector<double>>();
  if (!expected.at("robust").get<bool>()) {
    // Which of equal tokens stay is the reference's unstable sort's whim; how many and how
    // probable, is not. Where rounding decides even about that, nothing is left to compare.
    if (expected.at("why") != json::array({"tie_order"})) return;
    ASSERT_EQ(kept.size(), expected.at("n_kept").get<std::size_t>());
    if (figures.size() != kept.size()) return;
    auto sorted = figures;
    std::sort(sorted.rbegin(), sorted.rend());
    std::sort(probabilities.rbegin(), probabilities.rend());
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      EXPECT_NEAR(probabilities[i], sorted[i], kProbabilityTolerance);
    }
    return;
  }
  const auto expected_kept = ids_of(expected, scores.size());
  const auto probe = expected.contains("probe") ? expected["probe"].get<std::vector<std::size_t>>()
                                                : expected_kept;
  expect_probabilities(scores, expected_kept, probe, figures);
  EXPECT_EQ(kernels::argmax(scores), expected.at("argmax").get<std::size_t>());
  EXPECT_NEAR(kernels::describe_distribution(scores).entropy, expected.at("entropy").get<double>(),
              kEntropyTolerance);
}

// Logits that are no numbers fail their sample here before any processor sees them.
bool is_known(const json& operations) {
  return std::none_of(operations.begin(), operations.end(),
                      [](const json& operation) { return operation.at("op") == "remove_invalid"; });
}

struct Input {
  std::vector<float> logits;
  History history;
};

std::map<int, Input> read_inputs() {
  std::map<int, Input> inputs;
  const auto file = json::parse(std::ifstream(figures("inputs.json")));
  for (const auto& given : file.at("inputs")) {
    auto& input = inputs[given.at("id").get<int>()];
    for (const auto& value : given.at("logits")) input.logits.push_back(number(value));
    input.history = ids(given.at("ids"));
  }
  return inputs;
}

// Every line of a file of cases that is one.
std::vector<json> read_cases(const char* name) {
  std::ifstream file(figures(name));
  EXPECT_TRUE(file) << figures(name);
  std::vector<json> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    auto figure = json::parse(line);
    if (!figure.contains("meta")) cases.push_back(std::move(figure));
  }
  EXPECT_FALSE(cases.empty()) << figures(name);
  return cases;
}

TEST(Samplers, EqualTheReference) {
  plugin::Registry registry({tests::built_plugins()}, tests::quiet_host());
  const auto inputs = read_inputs();
  std::map<std::string, int> compared;
  for (const auto& figure : read_cases("cases.jsonl")) {
    const auto& operations = figure.at("ops");
    const auto& expected = figure.at("expect");
    if (expected.contains("error") || !is_known(operations)) continue;
    SCOPED_TRACE("case " + figure.at("id").dump() + " " + operations.dump());
    const auto& input = inputs.at(figure.at("input").get<int>());
    const auto history = figure.contains("ids") ? ids(figure["ids"]) : input.history;
    const auto scores = process(registry, operations, history, input.logits);
    if (expected.contains("invalid")) {
      compare_invalid(scores, expected);
    } else {
      compare(scores, expected);
    }
    for (const auto& operation : operations) ++compared[operation.at("op").get<std::string>()];
  }
  for (const char* op :
       {"forced_bos", "forced_eos", "frequency_presence", "bad_words", "suppress",
        "suppress_at_begin", "sequence_bias", "prefix_allowed", "exp_decay_length"}) {
    EXPECT_GT(compared[op], 0) << op;
  }
  for (const auto& [op, settings] : kRenamed) EXPECT_GT(compared[op], 0) << op;
}

// Cases made from a config list the processors in the reference's own order.
TEST(Samplers, RunInTheReferencesOrder) {
  const plugin::Registry registry({tests::built_plugins()}, tests::quiet_host());
  std::size_t compared = 0;
  for (const auto& figure : read_cases("cases.jsonl")) {
    if (!figure.contains("config") || !is_known(figure.at("ops"))) continue;
    double before = 0;
    for (const auto& given : figure.at("ops")) {
      // Both are bans, which the reference makes early or late: the result is the same.
      if (given.at("op") == "suppress" || given.at("op") == "suppress_at_begin") continue;
      const auto plugin = translate(given, {1}).plugin;
      const auto& description = registry.get(plugin::Kind::logits_processor, plugin);
      const double rank = description.json.at("rank").get<double>();
      EXPECT_GT(rank, before) << plugin << " in case " << figure.at("id");
      before = rank;
      ++compared;
    }
  }
  EXPECT_GT(compared, 100U);
}

// Where not all that stay are listed, there are as many of them.
void expect_llama(const std::vector<float>& scores, const json& figure) {
  const auto figures = figure.at("probs").get<std::vector<double>>();
  if (figure.contains("kept")) {
    const auto kept = figure["kept"].get<std::vector<std::size_t>>();
    expect_probabilities(scores, kept, kept, figures);
  } else {
    const auto kept = kept_in(scores);
    EXPECT_EQ(kept.size(), figure.at("n_kept").get<std::size_t>());
    expect_probabilities(scores, kept, figure.at("probe").get<std::vector<std::size_t>>(), figures);
  }
}

// llama.cpp's other samplers differ from transformers' by definition; these two do not.
TEST(Samplers, TopNSigmaAndPenaltiesEqualLlamaCpp) {
  plugin::Registry registry({tests::built_plugins()}, tests::quiet_host());
  const auto inputs = read_inputs();
  std::size_t sigmas = 0;
  std::size_t penalties = 0;
  for (const auto& figure : read_cases("llama.jsonl")) {
    const auto& given = figure.at("op");
    const auto& input = inputs.at(figure.at("input").get<int>());
    const auto op = given.at("op").get<std::string>();
    SCOPED_TRACE("case " + figure.at("id").dump() + " " + given.dump());
    auto scores = input.logits;
    if (op == "llama_top_n_sigma") {
      apply(registry, {"top_n_sigma", {{"n", given.at("n")}}}, input.history, scores);
      expect_llama(scores, figure);
      ++sigmas;
    } else if (op == "llama_penalties" &&
               given.at("last_n").get<std::size_t>() >= input.history.size()) {
      apply(registry, {"repetition_penalty", {{"penalty", given.at("repeat")}}}, input.history,
            scores);
      for (const char* kind : {"frequency", "presence"}) {
        const json settings = {{"penalty", given.at(kind)}, {"include_prompt", true}};
        apply(registry, {std::string(kind) + "_penalty", settings}, input.history, scores);
      }
      expect_llama(scores, figure);
      ++penalties;
    }
  }
  EXPECT_GT(sigmas, 0U);
  EXPECT_GT(penalties, 0U);
}

}  // namespace
}  // namespace trellis

/// temperature, top_k and top_p, alone and chained, against the figures of transformers' logits
/// processors. Cases with other operations are left to the tests of those.
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

// Setting names of the reference and of the plugin, by operation.
const std::map<std::string, std::map<std::string, std::string>> kOperations = {
    {"temperature", {{"temperature", "temperature"}}},
    {"top_k", {{"top_k", "k"}, {"min_tokens_to_keep", "min_tokens_to_keep"}}},
    {"top_p", {{"top_p", "top_p"}, {"min_tokens_to_keep", "min_tokens_to_keep"}}}};

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

plugin::LogitsProcessor make(plugin::Registry& registry, const json& operation) {
  const auto id = operation.at("op").get<std::string>();
  const auto& description = registry.get(plugin::Kind::logits_processor, id);
  json settings;
  for (const auto& setting : description.settings) settings[setting.name] = setting.default_value;
  for (const auto& [theirs, ours] : kOperations.at(id)) {
    if (operation.contains(theirs)) settings[ours] = operation.at(theirs);
  }
  return plugin::LogitsProcessor::create(registry, id, settings);
}

std::vector<float> process(plugin::Registry& registry, const json& operations,
                           std::vector<float> logits) {
  const std::int32_t start = 0;
  const trellis_sequence sequence{sizeof(trellis_sequence), &start, 1, nullptr, 0, nullptr, 0};
  for (const auto& operation : operations) make(registry, operation).apply(sequence, logits);
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

void compare(const std::vector<float>& scores, const json& expected) {
  std::vector<std::size_t> kept;
  for (std::size_t id = 0; id < scores.size(); ++id) {
    if (!std::isinf(scores[id])) kept.push_back(id);
  }
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
  ASSERT_EQ(kept, expected_kept);
  const auto probe =
      expected.contains("probe") ? expected["probe"].get<std::vector<std::size_t>>() : kept;
  ASSERT_EQ(probe.size(), figures.size());
  for (std::size_t i = 0; i < probe.size(); ++i) {
    EXPECT_NEAR(probabilities[probe[i]], figures[i], kProbabilityTolerance) << "token " << probe[i];
  }
  EXPECT_EQ(kernels::argmax(scores), expected.at("argmax").get<std::size_t>());
  EXPECT_NEAR(kernels::describe_distribution(scores).entropy, expected.at("entropy").get<double>(),
              kEntropyTolerance);
}

bool is_known(const json& operations) {
  return std::all_of(operations.begin(), operations.end(), [](const json& operation) {
    return kOperations.contains(operation.at("op").get<std::string>());
  });
}

TEST(Samplers, EqualTheReference) {
  plugin::Registry registry({tests::built_plugins()}, tests::quiet_host());
  std::map<int, std::vector<float>> inputs;
  const auto input_file = json::parse(std::ifstream(figures("inputs.json")));
  for (const auto& input : input_file.at("inputs")) {
    auto& logits = inputs[input.at("id").get<int>()];
    for (const auto& value : input.at("logits")) logits.push_back(number(value));
  }
  std::ifstream file(figures("cases.jsonl"));
  ASSERT_TRUE(file) << figures("cases.jsonl");
  std::size_t compared = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    const auto figure = json::parse(line);
    if (figure.contains("meta") || !is_known(figure.at("ops"))) continue;
    const auto& expected = figure.at("expect");
    if (expected.contains("error")) continue;
    SCOPED_TRACE("case " + figure.at("id").dump() + " " + figure.at("ops").dump());
    const auto scores =
        process(registry, figure.at("ops"), inputs.at(figure.at("input").get<int>()));
    if (expected.contains("invalid")) {
      compare_invalid(scores, expected);
    } else {
      compare(scores, expected);
    }
    ++compared;
  }
  EXPECT_GT(compared, 0U) << "no case of temperature, top_k or top_p in " << figures("cases.jsonl");
}

}  // namespace
}  // namespace trellis

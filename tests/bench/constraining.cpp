/// What constrained decoding costs: a state of a grammar that is met for the first time, when the
/// vocabulary is walked, and one that is known, as nearly all are in a run.
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/grammar/token_masks.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/text.hpp"

namespace trellis::bench {
namespace {

constexpr std::size_t kVocabulary = 49'152;

// All bytes, and beginnings and ends of words with the spaces and marks around them, as a
// byte-level vocabulary has them.
std::vector<std::string> vocabulary() {
  std::set<std::string> tokens;
  for (int byte = 1; byte < 256; ++byte) tokens.emplace(1, static_cast<char>(byte));
  std::mt19937 engine(3);
  for (std::uint64_t seed = 1; tokens.size() < kVocabulary; ++seed) {
    for (const auto& sentence : sentences(1'000'000, seed)) {
      for (std::size_t at = 0; at < sentence.size() && tokens.size() < kVocabulary;) {
        const std::size_t size = 1 + engine() % 8;
        tokens.insert(sentence.substr(at, size));
        at += size;
      }
    }
  }
  return {tokens.begin(), tokens.end()};
}

constexpr const char* kSchema = R"({
  "type": "object",
  "properties": {
    "name": {"type": "string"},
    "age": {"type": "integer"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "address": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
  },
  "required": ["name", "age"]
})";
constexpr const char* kOutput =
    R"({"name": "Grace Hopper", "age": 85, "tags": ["navy", "compilers"], "address": {"city": "Arlington"}})";

// One state after each byte of an output.
void constrain(benchmark::State& state, bool known) {
  const auto tokens = vocabulary();
  const auto automaton = grammar::compile(grammar::read_json_schema(kSchema));
  grammar::TokenMasks masks(grammar::Matcher(automaton), tokens);
  double count = 0;
  double seconds = 0;
  for (auto _ : state) {
    if (!known) masks = grammar::TokenMasks(grammar::Matcher(automaton), tokens);
    const double begin = now();
    auto place = masks.matcher().start();
    for (const char* byte = kOutput; *byte != '\0'; ++byte) {
      benchmark::DoNotOptimize(masks.mask(place).data());
      place = masks.matcher().next(place, static_cast<std::uint8_t>(*byte));
      ++count;
    }
    const double took = now() - begin;
    seconds += took;
    state.SetIterationTime(took);
  }
  state.counters["us a token"] = 1e6 * seconds / count;
}

BENCHMARK_CAPTURE(constrain, first, false)
    ->Name("constrain to a JSON schema, first output")
    ->UseManualTime();
BENCHMARK_CAPTURE(constrain, known, true)
    ->Name("constrain to a JSON schema, later outputs")
    ->UseManualTime();

}  // namespace
}  // namespace trellis::bench

// Configs as a careless hand may leave them.
#include <sstream>

#include "core/text/lines.hpp"
#include "experiments/config.hpp"
#include "experiments/config_document.hpp"
#include "tests/abi/host.hpp"
#include "tests/fuzz/mutate.hpp"

namespace trellis::fuzz {
namespace {

const std::string kConfig = R"(# a comment
[experiment]
name = "night"
seed = [1, 2]
samples = 3
timeout_seconds = 2.5
[[task]]
plugin = "translation"
label = "en-de"
test = "data.jsonl"
[[model]]
plugin = "ngram"
order = [2, 3]
smoothing = "witten_bell"
tasks = ["en-de"]
[[strategy]]
plugin = "sample"
temperature = {from = 0.5, to = 1.0, step = 0.1}
top_p = [0.9, 1.0]
top_k = {k = 5}
[[strategy]]
plugin = "beam"
num_beams = 2
)";

const std::vector<std::string> kWords = {"[",
                                         "]",
                                         "{",
                                         "}",
                                         "[[model]]\n",
                                         "[[",
                                         "\"",
                                         "'''",
                                         "\n",
                                         "=",
                                         ".",
                                         "inf",
                                         "nan",
                                         "true",
                                         "0x1F",
                                         "1979-05-27",
                                         "${X}",
                                         "plugin",
                                         "label = 1",
                                         "\xFF",
                                         "\\u0000",
                                         "\r\n",
                                         "[1, [2]]",
                                         "weights = \"x\"\n",
                                         "seed",
                                         "\"a\\nb\" = 1\n",
                                         "{from = 0, to = 1e9, step = 1e-9}",
                                         "{from = 1, to = 2, count = 9000}"};

// Every mistake has a line of its own, which begins with its place.
bool are_placed_lines(std::string_view message) {
  std::istringstream lines{std::string(message)};
  bool fine = !message.empty();
  for (std::string line; std::getline(lines, line);) {
    fine = fine && is_one_line(line) &&
           (line.find("x.toml:") != line.npos || line.starts_with("--set"));
  }
  return fine;
}

TEST(ConfigFuzz, EveryMistakeIsALineWithItsPlace) {
  tests::TemporaryFolder folder;
  replace_file(folder / "data.jsonl", R"({"source": "a", "references": ["b"]})");
  const plugin::Registry registry({tests::built_plugins()}, tests::quiet_host());
  const auto read = [&](const std::string& text, const std::vector<std::string>& overrides) {
    replace_file(folder / "x.toml", text);
    return experiments::read_config(folder / "x.toml", overrides, registry, [](const std::string&) {
      return std::optional<std::string>("data");
    });
  };
  EXPECT_EQ(read(kConfig, {}).strategies.size(), 13U);
  const auto accepted = fuzz(
      Mutator(1, {kConfig}, kWords), 3000, [&](const auto& text) { read(text, {}); },
      are_placed_lines);
  EXPECT_GT(accepted, 10);
  fuzz(
      Mutator(2, {"experiment.samples=3", "strategy.beam.num_beams=[2, 4]", "model.order=2"},
              kWords),
      1000, [&](const auto& text) { read(kConfig, {text}); }, are_placed_lines);
}

}  // namespace
}  // namespace trellis::fuzz

// A task: say the words of a sentence in reverse order. It makes its own data.
#include <trellis/sdk/task.hpp>

namespace sdk = trellis::sdk;

namespace {

struct Options {
  std::int64_t length = 3;
  std::int64_t examples = 100;
};
const auto schema =
    sdk::Settings<Options>()
        .integer("length", &Options::length, {.at_least = 1, .at_most = 1000}, "Words a sentence.")
        .integer("examples", &Options::examples, {.at_least = 1}, "Examples of each split.");

class ReverseWords {
 public:
  static sdk::Json description() {
    return {{"id", "reverse_words"},
            {"kind", "task"},
            {"version", "1.0.0"},
            {"summary", "Words in reverse order."},
            {"metrics",  // the first is the task's main metric
             {{{"name", "exact_match"},
               {"summary", "1 where the output is the reference."},
               {"higher_is_better", true}}}},
            {"likelihood", true},  // also score the reference by the model's probabilities
            {"settings", schema.description()}};
  }

  explicit ReverseWords(const sdk::Json& settings) : options_(schema.read(settings)) {}

  std::uint64_t count(trellis_split) const { return options_.examples; }

  // Example number `index` is always the same, and differs from split to split.
  sdk::Json example(trellis_split split, std::uint64_t index) const {
    static const char* const words[] = {"red", "blue", "old", "new", "tree", "house", "cat"};
    std::uint64_t state = index * 3 + static_cast<std::uint64_t>(split) + 1;
    std::string forward, backward;
    for (std::int64_t i = 0; i < options_.length; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;  // Knuth's generator, MMIX
      const std::string word = words[(state >> 33U) % std::size(words)];
      forward += (i > 0 ? " " : "") + word;
      backward.insert(0, word + (i > 0 ? " " : ""));
    }
    return {{"id", std::to_string(split) + "-" + std::to_string(index)},
            {"source", forward},
            {"references", {backward}}};
  }

  // One answer a sample, in order; none may depend on the others.
  sdk::Json score(const sdk::Json& samples) const {
    sdk::Json answers = sdk::Json::array();
    for (const auto& sample : samples) {
      const bool same = sample["output"] == sample["example"]["references"][0];
      answers.push_back({{"metrics", {{"exact_match", {{"value", same ? 1 : 0}}}}}});
    }
    return answers;
  }

 private:
  Options options_;
};

}  // namespace

TRELLIS_PLUGIN(sdk::task_factory<ReverseWords>());

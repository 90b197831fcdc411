/// Encoding four megabytes, sentence by sentence, as training and prompts do.
#include <map>
#include <memory>

#include "core/text/tokenizer.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/text.hpp"

namespace trellis::bench {
namespace {

// Trained on other text than that which is encoded.
std::unique_ptr<text::Tokenizer> train(const std::string& kind) {
  const auto texts = sentences(1'000'000, 2);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return text::train_tokenizer({kind, 8000, 1, false}, views);
}

void encode(benchmark::State& state, const std::string& kind) {
  static std::map<std::string, std::unique_ptr<text::Tokenizer>> trained;
  static const auto texts = sentences(4'000'000, 3);
  auto& tokenizer = trained[kind];
  if (tokenizer == nullptr) tokenizer = train(kind);
  std::size_t bytes = 0;
  double seconds = 0;
  for (auto _ : state) {
    seconds += seconds_of([&] {
      for (const auto& text : texts) {
        benchmark::DoNotOptimize(tokenizer->encode(text));
        bytes += text.size();
      }
    });
  }
  report_rate(state, "MB/s", static_cast<double>(bytes) * 1e-6, seconds);
}

BENCHMARK_CAPTURE(encode, word, "word")->Name("encode, word");
BENCHMARK_CAPTURE(encode, character, "character")->Name("encode, character");
BENCHMARK_CAPTURE(encode, bpe, "bpe")->Name("encode, byte-level BPE");

}  // namespace
}  // namespace trellis::bench

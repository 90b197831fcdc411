/// Encoding megabytes, sentence by sentence, as training and prompts do.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/text/published_tokenizer.hpp"
#include "core/text/tokenizer.hpp"
#include "tests/abi/host.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/python_reference.hpp"
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

/// Tokenizers of published models' kinds, with the small vocabularies of the golden tests, or with
/// those of the folder which TRELLIS_GOLDENS names.
std::filesystem::path folder_of(const std::string& name) {
  const char* chosen = std::getenv("TRELLIS_GOLDENS");
  const std::filesystem::path folder =
      chosen != nullptr ? chosen : TRELLIS_SOURCE_DIR "/tests/golden";
  return folder / "tokenizers" / name;
}

const std::vector<std::string>& published_texts() {
  static const auto texts = sentences(10'000'000, 4);
  return texts;
}

// On one thread. With `compared`, by turns with the Rust package that such files come from, where
// it is installed for Python.
void encode_published(benchmark::State& state, const std::string& name, bool ranges,
                      bool compared) {
  const auto& texts = published_texts();
  const auto tokenizer = text::load_tokenizer(folder_of(name));
  const tests::TemporaryFolder folder;
  const auto file = folder / "texts.json";
  if (compared) std::ofstream(file) << nlohmann::json(texts);
  double bytes = 0;
  Pair pair;
  for (auto _ : state) {
    const double begin = running();
    for (const auto& text : texts) {
      if (ranges) {
        benchmark::DoNotOptimize(tokenizer->encode_with_ranges(text));
      } else {
        benchmark::DoNotOptimize(tokenizer->encode(text));
      }
      bytes += static_cast<double>(text.size());
    }
    pair.ours += running() - begin;
    if (!compared) continue;
    const auto seconds = python_seconds(
        "tokenizer_reference.py", {(folder_of(name) / "tokenizer.json").string(), file.string()});
    compared = seconds.has_value();
    pair.reference += seconds.value_or(0);
    if (!compared)
      std::cerr << "no tokenizers package: install it into a virtual environment and name its "
                   "python by TRELLIS_BENCH_PYTHON to compare\n";
  }
  if (compared) {
    report_pair(state, "tokenizers", "MB/s", bytes * 1e-6, pair);
  } else {
    report_rate(state, "MB/s", bytes * 1e-6, pair.ours);
  }
}

BENCHMARK_CAPTURE(encode_published, bytes, "bytebpe", false, true)
    ->Name("encode, published byte-level BPE");
BENCHMARK_CAPTURE(encode_published, bytes_ranges, "bytebpe", true, false)
    ->Name("encode, published byte-level BPE, with ranges");
// Too large for the repository, so only where a folder has it.
[[maybe_unused]] const bool smollm2 = [] {
  if (!std::filesystem::exists(folder_of("smollm2"))) return false;
  benchmark::RegisterBenchmark("encode, SmolLM2", [](benchmark::State& state) {
    encode_published(state, "smollm2", false, true);
  });
  return true;
}();
BENCHMARK_CAPTURE(encode_published, fallback, "bpe_bytefallback", false, true)
    ->Name("encode, published BPE with byte fallback");
BENCHMARK_CAPTURE(encode_published, word_piece, "wordpiece_uncased", false, true)
    ->Name("encode, published WordPiece");
BENCHMARK_CAPTURE(encode_published, unigram, "unigram_metaspace", false, true)
    ->Name("encode, published Unigram");
BENCHMARK_CAPTURE(encode_published, piece_pairs, "spm_bpe", false, false)
    ->Name("encode, SentencePiece's BPE");
BENCHMARK_CAPTURE(encode_published, piece_unigram, "spm_unigram", false, false)
    ->Name("encode, SentencePiece's Unigram");

BENCHMARK_CAPTURE(encode, word, "word")->Name("encode, word");
BENCHMARK_CAPTURE(encode, character, "character")->Name("encode, character");
BENCHMARK_CAPTURE(encode, bpe, "bpe")->Name("encode, byte-level BPE");

}  // namespace
}  // namespace trellis::bench

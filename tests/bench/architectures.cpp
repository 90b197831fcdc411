/// What the article's architectures save: banded attention against context length, mixtures against
/// the number of experts. One step of eight texts, weights random, the model alone.
#include <malloc.h>

#include <numeric>

#include "core/nn/network.hpp"
#include "plugins/models/gpt/gpt.hpp"
#include "plugins/models/gpt3/gpt3.hpp"
#include "plugins/models/wudao/wudao.hpp"
#include "tests/bench/measure.hpp"

namespace trellis::bench {
namespace {

constexpr std::int64_t kVocab = 1024;
constexpr std::int64_t kLayers = 4;
constexpr std::int64_t kWidth = 256;
constexpr std::size_t kTexts = 8;

double allocated_megabytes() {
  const auto memory = mallinfo2();
  return static_cast<double>(memory.uordblks + memory.hblkhd) / 1e6;
}

// Reads texts of `length` tokens, then reports one step and the memory of all states.
void step(benchmark::State& state, nn::Network& network, std::size_t length) {
  network.parameters.freeze();
  const c10::InferenceMode inference;
  std::vector<std::int32_t> text(length);
  std::iota(text.begin(), text.end(), 0);
  for (auto& token : text) token %= kVocab;
  const double before = allocated_megabytes();
  std::vector<std::unique_ptr<nn::NetworkState>> states;
  for (std::size_t i = 0; i < kTexts; ++i) {
    states.push_back(network.open({}));
    for (std::size_t done = 0; done < length; done += 256) {
      const nn::Feed feed{states.back().get(),
                          std::span(text).subspan(done, std::min<std::size_t>(256, length - done))};
      network.feed({&feed, 1});
    }
  }
  state.counters["MB of states"] = allocated_megabytes() - before;
  const std::int32_t next = 7;
  double seconds = 0;
  double steps = 0;
  for (auto _ : state) {
    std::vector<std::unique_ptr<nn::NetworkState>> forks;
    std::vector<nn::Feed> feeds;
    for (const auto& open : states) {
      forks.push_back(open->fork());
      feeds.push_back({forks.back().get(), {&next, 1}});
    }
    seconds += seconds_of([&] { benchmark::DoNotOptimize(network.feed(feeds).data_ptr()); });
    steps += 1;
  }
  state.counters["ms a step"] = 1e3 * seconds / steps;
}

void dense(benchmark::State& state) {
  const auto length = static_cast<std::size_t>(state.range(0));
  models::Gpt network({.vocab = kVocab,
                       .context = state.range(0) + 1,
                       .layers = kLayers,
                       .width = kWidth,
                       .heads = 4,
                       .inner = 4 * kWidth},
                      1);
  step(state, network, length);
}
BENCHMARK(dense)->Name("gpt")->ArgName("context")->RangeMultiplier(4)->Range(256, 4096);

void banded(benchmark::State& state, std::int64_t stride) {
  const auto length = static_cast<std::size_t>(state.range(0));
  models::Gpt3 network({.vocab = kVocab,
                        .context = state.range(0) + 1,
                        .layers = kLayers,
                        .width = kWidth,
                        .heads = 4,
                        .inner = 4 * kWidth,
                        .band = 64,
                        .stride = stride},
                       1);
  step(state, network, length);
}
BENCHMARK_CAPTURE(banded, half, 2)
    ->Name("gpt3, band 64, every other layer")
    ->ArgName("context")
    ->RangeMultiplier(4)
    ->Range(256, 4096);
BENCHMARK_CAPTURE(banded, all, 0)
    ->Name("gpt3, band 64, all layers")
    ->ArgName("context")
    ->RangeMultiplier(4)
    ->Range(256, 4096);

void experts(benchmark::State& state) {
  models::Wudao network({.vocab = kVocab,
                         .context = 64,
                         .layers = kLayers,
                         .width = kWidth,
                         .heads = 4,
                         .inner = 4 * kWidth,
                         .experts = state.range(0),
                         .top_k = 2,
                         .mixture_stride = 1},
                        1);
  step(state, network, 16);
}
BENCHMARK(experts)->Name("wudao, 2 of")->ArgName("experts")->RangeMultiplier(4)->Range(2, 32);

}  // namespace
}  // namespace trellis::bench

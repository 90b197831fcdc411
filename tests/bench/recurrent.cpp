/// An LSTM language model of 2 x 512 through the whole decode loop, beside the loop that a person
/// writes with LibTorch alone. Both sample from the whole distribution, 64 texts at once.
#include <torch/torch.h>

#include "core/decode/generate.hpp"
#include "experiments/environment.hpp"
#include "plugins/models/rnn/language_model.hpp"
#include "tests/abi/host.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/network_model.hpp"

namespace trellis::bench {
namespace {

using nlohmann::json;

constexpr std::int64_t kVocab = 4096;
constexpr std::int64_t kWidth = 512;
constexpr std::int64_t kBatch = 64;
constexpr std::size_t kNewTokens = 64;

struct BareLstm {
  torch::nn::Embedding embedding{torch::nn::EmbeddingOptions(kVocab, kWidth)};
  torch::nn::LSTM lstm{torch::nn::LSTMOptions(kWidth, kWidth).num_layers(2).batch_first(true)};
  torch::nn::Linear out{torch::nn::LinearOptions(kWidth, kVocab)};
};

void generate_bare(BareLstm& model) {
  const torch::InferenceMode inference;
  at::Tensor tokens = at::zeros({kBatch, 1}, at::kLong);
  std::tuple<at::Tensor, at::Tensor> state{at::zeros({2, kBatch, kWidth}),
                                           at::zeros({2, kBatch, kWidth})};
  for (std::size_t i = 0; i < kNewTokens; ++i) {
    auto [output, next] = model.lstm->forward(model.embedding->forward(tokens), state);
    state = std::move(next);
    const at::Tensor probabilities = at::softmax(model.out->forward(output.squeeze(1)), -1);
    tokens = at::multinomial(probabilities, 1);
  }
  benchmark::DoNotOptimize(tokens.data_ptr());
}

void generate(benchmark::State& state) {
  static BareLstm bare;
  static plugin::Model model = make_network_model(
      std::make_unique<models::RnnLanguageModel>(models::RnnOptions{.cell = nn::Cell::lstm,
                                                                    .vocab = kVocab,
                                                                    .embedding = kWidth,
                                                                    .hidden = kWidth,
                                                                    .layers = 2},
                                                 1),
      kVocab, 1024);
  plugin::Registry registry({tests::built_plugins()}, tests::quiet_host());
  const decode::Arm arm{plugin::Strategy::create(registry, "sample", json::object()), {}};
  std::vector<decode::Prompt> prompts(kBatch);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    prompts[i].example = i;
    prompts[i].prefix = std::to_string(i);
    prompts[i].max_new_tokens = kNewTokens;
  }
  const auto requests = decode::every_sample({&arm, 1}, prompts.size(), 1, 1);
  decode::GenerateOptions options;
  options.threads = static_cast<std::size_t>(experiments::processor_count());
  options.max_batch = kBatch;
  decode::GenerateEvents events;
  events.on_generation = [](const decode::Generation&) {};
  events.on_failure = [&](const decode::GenerateFailure& failure) {
    state.SkipWithError(failure.message.c_str());
  };
  double tokens = 0;
  Pair pair;
  for (auto _ : state) {
    pair.reference += seconds_of([&] { generate_bare(bare); });
    pair.ours += seconds_of([&] {
      decode::generate(model, {&arm, 1}, prompts, requests, options, events, now);
    });
    tokens += static_cast<double>(kBatch * static_cast<std::int64_t>(kNewTokens));
  }
  report_pair(state, "bare LibTorch", "tokens/s", tokens, pair);
}
BENCHMARK(generate)->Name("generate, LSTM 2x512, sampling, batch 64")->UseRealTime();

}  // namespace
}  // namespace trellis::bench

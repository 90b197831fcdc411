/// Training through the trainer, batches, reports and clipping included, beside a bare LibTorch
/// loop over one ready batch of the same shape. They take turns, a few updates each.
#include <random>

#include "core/nn/trainer.hpp"
#include "plugins/models/gpt/gpt.hpp"
#include "plugins/models/rnn/language_model.hpp"
#include "tests/abi/host.hpp"
#include "tests/bench/bare_models.hpp"
#include "tests/bench/measure.hpp"

namespace trellis::bench {
namespace {

constexpr std::uint64_t kUpdates = 2;  // a turn
constexpr std::uint64_t kEpochBatches = 50;

std::vector<nn::Sequence> random_sequences(const TrainingShape& shape) {
  std::mt19937_64 engine(1);
  std::vector<nn::Sequence> sequences(kEpochBatches * static_cast<std::uint64_t>(shape.rows));
  for (auto& sequence : sequences)
    for (std::int64_t i = 0; i <= shape.length; ++i)
      sequence.tokens.push_back(
          static_cast<std::int32_t>(5 + engine() % static_cast<std::uint64_t>(shape.vocab - 5)));
  return sequences;
}

nn::TrainingOptions training_options(const TrainingShape& shape) {
  nn::TrainingOptions options;
  options.epochs = 1000;
  options.batch_tokens = static_cast<std::size_t>(shape.rows * shape.length);
  options.optimizer.weight_decay = 0.01;
  options.schedule.base = shape.learning_rate;
  options.clip_norm = shape.clip_norm;
  options.dropout = shape.dropout;
  options.report_every = kUpdates;
  options.checkpoint_every = 1'000'000;
  return options;
}

void train(benchmark::State& state, nn::Network& network, BareTraining& bare,
           const TrainingShape& shape) {
  const auto sequences = random_sequences(shape);
  const tests::TemporaryFolder folder;
  Pair pair;
  bool warm = false;
  double begin = 0;
  const auto on_point = [&](const nn::TrainingPoint&) {
    const double ours = now() - begin;
    const double reference = seconds_of([&] {
      for (std::uint64_t i = 0; i < kUpdates; ++i) benchmark::DoNotOptimize(bare.update());
    });
    if (warm) {  // the first turn fills caches and pools of memory
      pair.ours += ours;
      pair.reference += reference;
      state.SetIterationTime(ours);
    }
    warm = true;
    const bool go_on = state.KeepRunning();
    begin = now();
    return go_on;
  };
  const nn::TrainingJob job{
      sequences, {},      static_cast<std::size_t>(shape.length), 1, folder / "checkpoint",
      "",        on_point};
  nn::train(network, training_options(shape), job, {now, [] { return false; }});
  const auto tokens = static_cast<double>(state.iterations()) * kUpdates *
                      static_cast<double>(shape.rows * shape.length);
  report_pair(state, "bare LibTorch", "tokens/s", tokens, pair);
}

void train_lstm(benchmark::State& state) {
  const TrainingShape shape;
  models::RnnLanguageModel network(
      {nn::Cell::lstm, shape.vocab, shape.width, shape.width, shape.layers}, 1);
  train(state, network, *make_bare_lstm(shape), shape);
}

void train_gpt(benchmark::State& state) {
  TrainingShape shape;
  shape.layers = 4;
  models::Gpt network(
      {shape.vocab, shape.length, shape.layers, shape.width, shape.heads, 4 * shape.width}, 1);
  train(state, network, *make_bare_gpt(shape), shape);
}

BENCHMARK(train_lstm)->Name("train, LSTM 2x256")->UseManualTime()->Iterations(6);
BENCHMARK(train_gpt)->Name("train, GPT 4x256")->UseManualTime()->Iterations(4);

}  // namespace
}  // namespace trellis::bench

/// The models of the training benchmarks as a person writes them with LibTorch alone: torch::nn
/// modules, torch::optim, a loop. They share no line with core/nn.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace trellis::bench {

/// Shapes and settings that both sides have in common.
struct TrainingShape {
  std::int64_t vocab = 4096;
  std::int64_t width = 256;  ///< of embeddings, states and blocks
  std::int64_t layers = 2;
  std::int64_t heads = 4;
  std::int64_t rows = 16;
  std::int64_t length = 128;  ///< tokens a row
  double dropout = 0.1;
  double learning_rate = 1e-3;
  double clip_norm = 1.0;
};

/// One update of AdamW on a fixed batch of random tokens: forward, mean cross-entropy, backward,
/// clipping by norm, step.
class BareTraining {
 public:
  virtual ~BareTraining() = default;
  /// Returns the loss.
  virtual float update() = 0;
};

/// Embedding, torch::nn::LSTM, output layer.
std::unique_ptr<BareTraining> make_bare_lstm(const TrainingShape& shape);
/// Pre-norm blocks with causal self-attention, learned positions, tied embeddings.
std::unique_ptr<BareTraining> make_bare_gpt(const TrainingShape& shape);

}  // namespace trellis::bench

/// Training to convergence: updates, validation, early stopping, checkpoints.
///
/// A run is a pure function of the network's first weights, the sequences, the options and the
/// seed, on one machine with one number of threads. It may be stopped at any update and continued
/// from its checkpoint; the losses are then the same to the last bit.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/nn/network.hpp"
#include "core/nn/optimizer.hpp"
#include "core/nn/schedule.hpp"
#include "core/nn/training_options.hpp"

namespace trellis::nn {

/// What the trainer needs of the world, so that tests can be exact.
struct TrainingWorld {
  std::function<double()> clock;    ///< seconds since any fixed moment; only for the curve
  std::function<bool()> cancelled;  ///< polled before every update and every validated batch
};

/// One point of the loss curve.
struct TrainingPoint {
  std::uint64_t step = 0;    ///< updates done
  std::uint64_t steps = 0;   ///< planned, unless it converges earlier
  std::uint64_t tokens = 0;  ///< targets learned since the start
  double seconds = 0;        ///< of all sessions together
  bool valid = false;        ///< on the validation data; otherwise the mean since the last point
  double loss = 0;           ///< nats a token; train: with label smoothing
  double learning_rate = 0;
  double gradient_norm = 0;  ///< before clipping; of the last update
  /// As Network::expert_use, of the validation, or of all updates since the last point.
  std::vector<ExpertUse> expert_use = {};
};

struct TrainingJob {
  std::span<const Sequence> train;  ///< not empty
  std::span<const Sequence> valid;  ///< may be empty: no early stopping, the last weights count
  std::size_t context = 256;        ///< longer sequences are cut to windows
  std::uint64_t seed = 0;
  std::filesystem::path checkpoint;  ///< the file; continued from when it has this fingerprint
  std::string fingerprint;           ///< of everything that decides the result
  std::function<bool(const TrainingPoint&)> on_point;  ///< false asks to stop
};

/// Weights, gradients and the optimizer's memory of what is trained of one network.
class Updater {
 public:
  Updater(Network& network, const OptimizerOptions& options);

  struct Outcome {
    double loss = 0;           ///< mean of the batches' losses
    double gradient_norm = 0;  ///< before clipping
  };
  /// One update from the mean of the batches' gradients. `dropout_seed` gives each batch its own
  /// random numbers.
  Outcome update(std::span<const Batch> batches, double rate, double label_smoothing,
                 double clip_norm, std::uint64_t dropout_seed);

  Optimizer optimizer;

 private:
  Network& network_;
  std::vector<Parameter> trained_;
  std::vector<ParameterUpdate> updates_;
};

enum class TrainingEnd { converged, stopped };

/// Trains in place those parameters of the network that require a gradient; at the end it holds the
/// best weights. When it was stopped, the checkpoint was written and the weights are those of the
/// last update. Throws Error(plugin) when the loss is no longer finite.
TrainingEnd train(Network& network, const TrainingOptions& options, const TrainingJob& job,
                  const TrainingWorld& world);

/// Mean cross-entropy in nats a token, without label smoothing and dropout. Polls `cancelled`
/// before every batch, for the host to see that work goes on; the answer is left to whoever asks
/// next.
double evaluate(Network& network, std::span<const Sequence> sequences, const BatchOptions& options,
                const std::function<bool()>& cancelled);

}  // namespace trellis::nn

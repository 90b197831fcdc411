/// Adam, AdamW and SGD with torch.optim's semantics, on plain float arrays.
///
/// Sources: Kingma and Ba 2015 (Adam), Loshchilov and Hutter 2019 (AdamW), Sutskever et al. 2013
/// (momentum). One pass over the memory of each parameter: less traffic than one LibTorch operation
/// for each term.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace trellis::nn {

enum class OptimizerKind { adam, adamw, sgd };

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::adamw;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;      ///< outside the square root
  double weight_decay = 0.0;  ///< adam, sgd: added to the gradient; adamw: decoupled
  double momentum = 0.0;      ///< sgd
  bool nesterov = false;      ///< sgd
};

/// One parameter and its gradient; an empty gradient leaves the parameter as it is.
struct ParameterUpdate {
  std::span<float> values;
  std::span<const float> gradient;
};

/// L2 norm over all gradients.
double gradient_norm(std::span<const ParameterUpdate> parameters);

/// The factor that torch's clip_grad_norm_ applies: min(1, limit / (norm + 1e-6)); 1 for limit 0.
double clip_factor(double norm, double limit);

class Optimizer {
 public:
  /// `sizes`: the number of elements of each parameter, in the order of every later call.
  Optimizer(const OptimizerOptions& options, std::span<const std::size_t> sizes);

  /// One update. Gradients are multiplied by `gradient_scale` on the way in (clipping).
  void step(std::span<const ParameterUpdate> parameters, double rate, double gradient_scale);

  /// What a checkpoint keeps: the running means, one array for each parameter. `second` is empty
  /// for sgd.
  std::vector<std::vector<float>> first;
  std::vector<std::vector<float>> second;
  std::uint64_t steps = 0;

 private:
  OptimizerOptions options_;
};

}  // namespace trellis::nn

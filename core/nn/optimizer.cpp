#include "core/nn/optimizer.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/vector_clones.hpp"

namespace trellis::nn {
namespace {

// One update of one parameter, all as factors of the formulas in torch.optim.
struct AdamStep {
  float keep1;   // beta1
  float take1;   // 1 - beta1
  float keep2;   // beta2
  float take2;   // 1 - beta2
  float shrink;  // adamw: 1 - rate * weight_decay
  float decay;   // adam: weight_decay
  float scale;   // of the gradient
  float rate;    // rate / (1 - beta1^t)
  float root;    // 1 / sqrt(1 - beta2^t)
  float epsilon;
};

TRELLIS_VECTOR_CLONES void adam(const AdamStep& c, std::size_t count, float* __restrict values,
                                const float* __restrict gradient, float* __restrict first,
                                float* __restrict second) {
  for (std::size_t i = 0; i < count; ++i) {
    const float value = values[i] * c.shrink;
    const float g = gradient[i] * c.scale + c.decay * value;
    const float m = c.keep1 * first[i] + c.take1 * g;
    const float v = c.keep2 * second[i] + c.take2 * g * g;
    first[i] = m;
    second[i] = v;
    values[i] = value - c.rate * m / (std::sqrt(v) * c.root + c.epsilon);
  }
}

}  // namespace

double gradient_norm(std::span<const ParameterUpdate> parameters) {
  constexpr std::size_t lanes = 8;  // a fixed order of summation that the compiler can vectorise
  std::array<double, lanes> sums = {};
  for (const ParameterUpdate& parameter : parameters) {
    const std::span<const float> g = parameter.gradient;
    std::size_t i = 0;
    for (; i + lanes <= g.size(); i += lanes)
      for (std::size_t lane = 0; lane < lanes; ++lane)
        sums[lane] += static_cast<double>(g[i + lane]) * static_cast<double>(g[i + lane]);
    for (; i < g.size(); ++i) sums[0] += static_cast<double>(g[i]) * static_cast<double>(g[i]);
  }
  double sum = 0;
  for (const double lane : sums) sum += lane;
  return std::sqrt(sum);
}

double clip_factor(double norm, double limit) {
  return limit > 0 ? std::min(1.0, limit / (norm + 1e-6)) : 1.0;
}

Optimizer::Optimizer(const OptimizerOptions& options, std::span<const std::size_t> sizes)
    : options_(options) {
  for (const std::size_t size : sizes) {
    first.emplace_back(size, 0.0F);
    if (options.kind != OptimizerKind::sgd) second.emplace_back(size, 0.0F);
  }
}

void Optimizer::step(std::span<const ParameterUpdate> parameters, double rate,
                     double gradient_scale) {
  ++steps;
  const bool sgd = options_.kind == OptimizerKind::sgd;
  const bool decoupled = options_.kind == OptimizerKind::adamw;
  const auto t = static_cast<double>(steps);
  const AdamStep c = {
      .keep1 = static_cast<float>(options_.beta1),
      .take1 = static_cast<float>(1 - options_.beta1),
      .keep2 = static_cast<float>(options_.beta2),
      .take2 = static_cast<float>(1 - options_.beta2),
      .shrink = decoupled ? static_cast<float>(1 - rate * options_.weight_decay) : 1.0F,
      .decay = decoupled ? 0.0F : static_cast<float>(options_.weight_decay),
      .scale = static_cast<float>(gradient_scale),
      .rate = static_cast<float>(rate / (1 - std::pow(options_.beta1, t))),
      .root = static_cast<float>(1 / std::sqrt(1 - std::pow(options_.beta2, t))),
      .epsilon = static_cast<float>(options_.epsilon)};
  const auto momentum = static_cast<float>(options_.momentum);
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const auto& [values, gradient] = parameters[p];
    if (gradient.empty()) continue;
    if (!sgd) {
      adam(c, values.size(), values.data(), gradient.data(), first[p].data(), second[p].data());
      continue;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float g = gradient[i] * c.scale + c.decay * values[i];
      float& velocity = first[p][i];
      velocity = steps == 1 ? g : momentum * velocity + g;
      const float change = options_.nesterov ? g + momentum * velocity : velocity;
      values[i] -= static_cast<float>(rate) * (options_.momentum > 0 ? change : g);
    }
  }
}

}  // namespace trellis::nn

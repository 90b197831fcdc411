/// The layers that models are written from. A layer is a plain struct of tensors, registered by
/// name in the model's Parameters when it is made; calling it runs LibTorch operations, so
/// gradients are recorded wherever they are not switched off.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/nn/torch.hpp"

namespace trellis::nn {

using at::Tensor;

struct Parameter {
  std::string name;
  Tensor tensor;  ///< contiguous float32 leaf that requires a gradient
};

/// How a parameter begins. normal: mean 0 and standard deviation `scale`; uniform: [-scale, scale].
struct Init {
  enum class Kind { zeros, ones, normal, uniform } kind = Kind::zeros;
  double scale = 0;
};

/// All parameters of a model, in the order in which its layers were made. The same seed gives the
/// same numbers.
class Parameters {
 public:
  explicit Parameters(std::uint64_t seed);
  Tensor add(std::string name, at::IntArrayRef shape, const Init& init);
  const std::vector<Parameter>& all() const { return all_; }
  std::uint64_t count() const;  ///< floats in total

 private:
  at::Generator generator_;
  std::vector<Parameter> all_;
};

/// y = x W^T + b, weight // [out, in]. W is uniform in +-sqrt(1 / in) unless told otherwise, as in
/// torch.nn.Linear; b likewise.
struct Linear {
  Tensor weight;
  Tensor bias;  ///< undefined without one
  Linear() = default;
  Linear(Parameters& parameters, const std::string& name, std::int64_t in, std::int64_t out,
         bool with_bias = true);
  Linear(Parameters& parameters, const std::string& name, std::int64_t in, std::int64_t out,
         const Init& weight_init);  ///< bias starts at zero
  Tensor operator()(const Tensor& x) const { return at::linear(x, weight, bias); }
};

/// weight // [vocab, width]
struct Embedding {
  Tensor weight;
  Embedding() = default;
  Embedding(Parameters& parameters, const std::string& name, std::int64_t vocab, std::int64_t width,
            const Init& init);
  Tensor operator()(const Tensor& ids) const { return at::embedding(weight, ids); }
};

/// Ba, Kiros and Hinton 2016.
struct LayerNorm {
  Tensor weight;
  Tensor bias;
  double epsilon = 1e-5;
  LayerNorm() = default;
  LayerNorm(Parameters& parameters, const std::string& name, std::int64_t width);
  Tensor operator()(const Tensor& x) const {
    return at::layer_norm(x, weight.sizes(), weight, bias, epsilon);
  }
};

/// Zhang and Sennrich 2019: y = x / sqrt(mean(x^2) + epsilon) * weight.
struct RmsNorm {
  Tensor weight;
  double epsilon = 1e-6;
  RmsNorm() = default;
  RmsNorm(Parameters& parameters, const std::string& name, std::int64_t width);
  Tensor operator()(const Tensor& x) const {
    return x * at::rsqrt(x.pow(2).mean(-1, true) + epsilon) * weight;
  }
};

enum class Activation { relu, gelu_tanh, swiglu };

/// down(activation(up(x))); swiglu: down(silu(gate(x)) * up(x)) (Shazeer 2020), with the gate's
/// rows before those of `up` in one matrix.
struct FeedForward {
  Linear up;
  Linear down;
  Activation activation = Activation::relu;
  FeedForward() = default;
  FeedForward(Parameters& parameters, const std::string& name, std::int64_t width,
              std::int64_t inner, Activation activation, const Init& up_init,
              const Init& down_init);
  Tensor operator()(const Tensor& x, double dropout) const;
};

/// Zeroes elements with this probability and scales the others up; the identity at 0. Draws from
/// LibTorch's default generator, which the trainer seeds before every batch.
inline Tensor dropout(const Tensor& x, double probability) {
  return probability > 0 ? at::dropout(x, probability, true) : x;
}

/// Ids as a tensor // [1, count].
Tensor ids_tensor(const std::int32_t* ids, std::size_t count);

}  // namespace trellis::nn

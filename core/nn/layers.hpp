/// The layers that models are written from. A layer is a plain struct of tensors, registered by
/// name in the model's Parameters when it is made. Calling it runs LibTorch operations, so
/// gradients are recorded wherever they are not switched off; in inference it runs kernels
/// (inference.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/kernels/linear.hpp"
#include "core/nn/inference.hpp"
#include "core/nn/torch.hpp"

namespace trellis::nn {

class Matrix;

struct Parameter {
  std::string name;
  std::vector<std::int64_t> shape;
  Tensor tensor;  ///< contiguous float32 leaf that requires a gradient; a frozen matrix's is empty
  std::shared_ptr<Matrix> matrix = nullptr;  ///< null for what is no matrix
};

/// What parameters begin as: numbers drawn from a seed, or nothing, where all will be loaded.
struct FirstWeights {
  std::uint64_t seed = 0;
  bool drawn = true;  ///< false: matrices have no memory until Matrix::adopt gives them theirs
  // NOLINTNEXTLINE(google-explicit-constructor): a seed says it all
  FirstWeights(std::uint64_t number) : seed(number) {}
  static FirstWeights none() {
    FirstWeights first(0);
    first.drawn = false;
    return first;
  }
};

/// How a parameter begins. normal: mean 0 and standard deviation `scale`; uniform: [-scale, scale].
struct Init {
  enum class Kind { zeros, ones, normal, uniform } kind = Kind::zeros;
  double scale = 0;
};

/// A change of a matrix that takes few numbers: W + scale * up down (LoRA, Hu et al. 2021).
struct LowRank {
  Tensor down;  ///< [rank, in]
  Tensor up;    ///< [out, rank]
  double scale = 1;
};

/// Weights that rows are multiplied by or looked up in // [out, in]. Layers that are tied share
/// one. Frozen, they may be packed in parts, one below another, each with its own storage.
class Matrix {
 public:
  /// `weight` is empty where the weights will be adopted.
  explicit Matrix(Tensor weight) : weight_(std::move(weight)) {}
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;

  /// x W^T + bias // [..., in] -> [..., out]. `bias` may be undefined.
  Tensor multiply(const Tensor& x, const Tensor& bias) const;
  /// Rows of W // [...] -> [..., in]
  Tensor look_up(const Tensor& ids) const;

  /// For training: the tensor itself. Empty while frozen.
  const Tensor& weight() const { return weight_; }

  /// Packs the weights for the kernels and gives the tensor's memory back; for those that are only
  /// looked up in, nothing.
  void freeze();
  /// Makes the tensor of the packed weights. `to_change`: they will change, so the packed ones are
  /// given up; else freeze() takes these again, however few bits they have.
  void thaw(bool to_change);
  /// Takes weights that are packed already; frozen then. Their outputs add up to this matrix's.
  void adopt(std::vector<kernels::PackedWeights> parts);
  /// Called by layers that multiply.
  void pack_when_frozen() { multiplied_ = true; }
  /// Whether all that uses it is multiply(): the only ones that may be given a change.
  bool may_change() const { return linear_ && !looked_up_; }
  void used_by_linear() { multiplied_ = linear_ = true; }
  void used_by_embedding() { looked_up_ = true; }

  /// A change that training is to find; multiply() adds it. Borrowed tensors, thawed weights.
  void set_change(LowRank change) { change_ = std::move(change); }
  /// Adds the change to the thawed weights and forgets it. Its sums have one fixed order.
  void merge_change();

 private:
  void read_row(std::size_t row, std::span<float> out) const;
  Tensor weight_;
  std::optional<LowRank> change_;
  bool multiplied_ = false;
  bool linear_ = false;
  bool looked_up_ = false;
  bool frozen_ = false;
  std::vector<kernels::PackedWeights> parts_;
};
using MatrixPtr = std::shared_ptr<Matrix>;

/// All parameters of a model, in the order in which its layers were made. The same seed gives the
/// same numbers.
class Parameters {
 public:
  explicit Parameters(FirstWeights first);
  Tensor add(std::string name, at::IntArrayRef shape, const Init& init);
  MatrixPtr add_matrix(std::string name, std::int64_t out, std::int64_t in, const Init& init);
  const std::vector<Parameter>& all() const { return all_; }
  std::uint64_t count() const { return count_; }  ///< floats in total
  /// Those that training changes: whose tensors require a gradient.
  std::vector<Parameter> trained() const;

  /// What is added from now on is drawn from this seed.
  void draw_from(std::uint64_t seed) { generator_ = at::detail::createCPUGenerator(seed); }
  /// Forgets what was added after the first `count`, as once it is a part of the others.
  void forget_after(std::size_t count);

  /// Makes the matrices ready for inference, or for training and saving again. Values are kept.
  void freeze();
  void thaw(bool to_change = true);  ///< see Matrix::thaw
  bool frozen() const { return frozen_; }

 private:
  at::Generator generator_;
  bool drawn_;
  std::vector<Parameter> all_;
  std::vector<MatrixPtr> matrices_;
  std::uint64_t count_ = 0;
  bool frozen_ = false;
};

/// y = x W^T + b, weight // [out, in]. W is uniform in +-sqrt(1 / in) unless told otherwise, as in
/// torch.nn.Linear; b likewise.
struct Linear {
  MatrixPtr weight;
  Tensor bias;  ///< undefined without one
  Linear() = default;
  Linear(Parameters& parameters, const std::string& name, std::int64_t in, std::int64_t out,
         bool with_bias = true);
  Linear(Parameters& parameters, const std::string& name, std::int64_t in, std::int64_t out,
         const Init& weight_init, bool with_bias = true);  ///< bias starts at zero
  /// Tied to other weights, without bias (Press and Wolf 2017).
  explicit Linear(MatrixPtr tied);
  Tensor operator()(const Tensor& x) const { return weight->multiply(x, bias); }
};

/// weight // [vocab, width]
struct Embedding {
  MatrixPtr weight;
  Embedding() = default;
  Embedding(Parameters& parameters, const std::string& name, std::int64_t vocab, std::int64_t width,
            const Init& init);
  Tensor operator()(const Tensor& ids) const { return weight->look_up(ids); }
};

/// Ba, Kiros and Hinton 2016.
struct LayerNorm {
  Tensor weight;
  Tensor bias;
  double epsilon = 1e-5;
  LayerNorm() = default;
  LayerNorm(Parameters& parameters, const std::string& name, std::int64_t width,
            double epsilon = 1e-5);
  Tensor operator()(const Tensor& x) const;
};

/// Zhang and Sennrich 2019: y = x / sqrt(mean(x^2) + epsilon) * weight.
struct RmsNorm {
  Tensor weight;
  double epsilon = 0;
  RmsNorm() = default;
  RmsNorm(Parameters& parameters, const std::string& name, std::int64_t width,
          double epsilon = 1e-6);
  Tensor operator()(const Tensor& x) const;
};

enum class Activation { relu, silu, gelu_erf, gelu_tanh, swiglu, geglu };

/// down(activation(up(x))); swiglu: down(silu(gate(x)) * up(x)), geglu: the same with gelu_tanh
/// (Shazeer 2020), with the gate's rows before those of `up` in one matrix.
struct FeedForward {
  Linear up;
  Linear down;
  Activation activation = Activation::relu;
  FeedForward() = default;
  FeedForward(Parameters& parameters, const std::string& name, std::int64_t width,
              std::int64_t inner, Activation activation, const Init& up_init, const Init& down_init,
              bool with_bias = true);
  Tensor operator()(const Tensor& x, double dropout) const;

 private:
  Tensor inner(const Tensor& x) const;
};

/// Zeroes elements with this probability and scales the others up; the identity at 0. Draws from
/// LibTorch's default generator, which the trainer seeds before every batch.
inline Tensor dropout(const Tensor& x, double probability) {
  return probability > 0 ? at::dropout(x, probability, true) : x;
}

/// x F(x), F the standard normal distribution's (Hendrycks and Gimpel 2016); in inference by
/// kernels.
Tensor gelu(const Tensor& x);

/// Ids as a tensor // [1, count].
Tensor ids_tensor(const std::int32_t* ids, std::size_t count);

}  // namespace trellis::nn

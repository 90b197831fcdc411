#include "core/nn/layers.hpp"

#include <malloc.h>

#include <cmath>
#include <utility>

#include "core/kernels/normalization.hpp"
#include "core/nn/low_rank.hpp"

namespace trellis::nn {
namespace {

// A thread's least share of work on single floats: with less, waking it takes longer.
constexpr std::size_t kGrainFloats = 16384;

Init fan_in(std::int64_t in) {
  return {Init::Kind::uniform, 1.0 / std::sqrt(static_cast<double>(in))};
}

std::span<const float> floats_of(const Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

// Rows [begin, end) of `x` by `norm`, on as many threads as pay.
template <typename Norm>
Tensor normalize(const Tensor& x, const Norm& norm) {
  Tensor result = at::empty(x.sizes());
  const Tensor contiguous = x.contiguous();
  const kernels::ConstRows in = rows_of(contiguous);
  const kernels::Rows out = rows_of(result);
  const std::size_t grain = 1 + kGrainFloats / in.stride;
  kernel_threads().run(in.count, grain, [&](std::size_t begin, std::size_t end) {
    norm(part_of(in, begin, end - begin), part_of(out, begin, end - begin));
  });
  return result;
}

// lifted // [..., 2 * inner]: the gate's part, then the other.
Tensor swiglu_kernel(const Tensor& lifted) {
  auto shape = lifted.sizes().vec();
  shape.back() /= 2;
  Tensor result = at::empty(shape);
  const kernels::ConstRows in = rows_of(lifted);
  const kernels::Rows out = rows_of(result);
  kernel_threads().run(
      in.count, 1 + kGrainFloats / in.stride, [&](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin; row < end; ++row)
          kernels::swiglu({in.row(row), out.stride}, {in.row(row) + out.stride, out.stride},
                          {out.row(row), out.stride});
      });
  return result;
}

bool is_gated(Activation activation) {
  return activation == Activation::swiglu || activation == Activation::geglu;
}

}  // namespace

Tensor Matrix::multiply(const Tensor& x, const Tensor& bias) const {
  if (!frozen_) {
    const Tensor product = at::linear(x, weight_, bias);
    if (!change_) return product;
    return product + at::linear(at::linear(x, change_->down), change_->up) * change_->scale;
  }
  std::size_t outputs = 0;
  for (const kernels::PackedWeights& part : parts_) outputs += part.outputs();
  auto shape = x.sizes().vec();
  shape.back() = static_cast<std::int64_t>(outputs);
  Tensor result = at::empty(shape);
  const Tensor in = x.contiguous();
  const kernels::Rows out = rows_of(result);
  const std::span<const float> biases = floats_of(bias);
  std::size_t first = 0;
  for (const kernels::PackedWeights& part : parts_) {
    const auto own = biases.empty() ? biases : biases.subspan(first, part.outputs());
    kernels::linear(rows_of(in), part, own, {out.data + first, out.count, out.stride},
                    kernel_threads());
    first += part.outputs();
  }
  return result;
}

Tensor Matrix::look_up(const Tensor& ids) const {
  if (!frozen_) return at::embedding(weight_, ids);
  const auto* from = ids.data_ptr<std::int64_t>();
  auto shape = ids.sizes().vec();
  shape.push_back(static_cast<std::int64_t>(parts_.front().inputs()));
  Tensor result = at::empty(shape);
  const kernels::Rows rows = rows_of(result);
  for (std::size_t i = 0; i < rows.count; ++i)
    read_row(static_cast<std::size_t>(from[i]), {rows.row(i), rows.stride});
  return result;
}

void Matrix::read_row(std::size_t row, std::span<float> out) const {
  for (const kernels::PackedWeights& part : parts_) {
    if (row < part.outputs()) return part.read_row(row, out);
    row -= part.outputs();
  }
}

void Matrix::freeze() {
  if (frozen_ || (!multiplied_ && parts_.empty())) return;
  if (parts_.empty())
    parts_.emplace_back(floats_of(weight_), static_cast<std::size_t>(weight_.size(0)),
                        static_cast<std::size_t>(weight_.size(1)));
  weight_.set_data(at::empty({0}));
  frozen_ = true;
}

void Matrix::thaw(bool to_change) {
  if (frozen_) {
    std::size_t outputs = 0;
    for (const kernels::PackedWeights& part : parts_) outputs += part.outputs();
    Tensor values = at::empty(
        {static_cast<std::int64_t>(outputs), static_cast<std::int64_t>(parts_.front().inputs())});
    const kernels::Rows rows = rows_of(values);
    for (std::size_t row = 0; row < rows.count; ++row) read_row(row, {rows.row(row), rows.stride});
    weight_.set_data(values);
    frozen_ = false;
  }
  if (to_change) parts_.clear();
}

void Matrix::merge_change() {
  if (!change_) return;
  add_low_rank({weight_.data_ptr<float>(), static_cast<std::size_t>(weight_.numel())},
               floats_of(change_->up), floats_of(change_->down),
               static_cast<std::size_t>(change_->down.size(0)), static_cast<float>(change_->scale));
  change_.reset();
}

void Matrix::adopt(std::vector<kernels::PackedWeights> parts) {
  parts_ = std::move(parts);
  weight_.set_data(at::empty({0}));
  frozen_ = true;
}

Parameters::Parameters(FirstWeights first)
    : generator_(at::detail::createCPUGenerator(first.seed)), drawn_(first.drawn) {}

Tensor Parameters::add(std::string name, at::IntArrayRef shape, const Init& init) {
  const at::NoGradGuard no_gradient;
  Tensor tensor = at::zeros(shape, at::kFloat);
  switch (init.kind) {
    case Init::Kind::zeros:
      break;
    case Init::Kind::ones:
      tensor.fill_(1.0);
      break;
    case Init::Kind::normal:
      tensor.normal_(0.0, init.scale, generator_);
      break;
    case Init::Kind::uniform:
      tensor.uniform_(-init.scale, init.scale, generator_);
      break;
  }
  tensor.set_requires_grad(true);
  all_.push_back({std::move(name), shape.vec(), tensor});
  count_ += static_cast<std::uint64_t>(tensor.numel());
  return tensor;
}

MatrixPtr Parameters::add_matrix(std::string name, std::int64_t out, std::int64_t in,
                                 const Init& init) {
  if (drawn_) {
    matrices_.push_back(std::make_shared<Matrix>(add(std::move(name), {out, in}, init)));
  } else {
    const Tensor empty = at::empty({0}, at::kFloat).set_requires_grad(true);
    all_.push_back({std::move(name), {out, in}, empty});
    count_ += static_cast<std::uint64_t>(out) * static_cast<std::uint64_t>(in);
    matrices_.push_back(std::make_shared<Matrix>(empty));
  }
  all_.back().matrix = matrices_.back();
  return matrices_.back();
}

std::vector<Parameter> Parameters::trained() const {
  std::vector<Parameter> chosen;
  for (const Parameter& parameter : all_)
    if (parameter.tensor.requires_grad()) chosen.push_back(parameter);
  return chosen;
}

void Parameters::forget_after(std::size_t count) {
  for (std::size_t i = count; i < all_.size(); ++i)
    count_ -= static_cast<std::uint64_t>(all_[i].tensor.numel());
  all_.resize(count);
}

void Parameters::freeze() {
  const at::NoGradGuard no_gradient;
  for (const MatrixPtr& matrix : matrices_) matrix->freeze();
#ifdef __GLIBC__
  malloc_trim(0);  // else the process goes on holding the tensors' memory
#endif
  frozen_ = true;
}

void Parameters::thaw(bool to_change) {
  const at::NoGradGuard no_gradient;
  for (const MatrixPtr& matrix : matrices_) matrix->thaw(to_change);
  frozen_ = false;
}

Linear::Linear(Parameters& parameters, const std::string& name, std::int64_t in, std::int64_t out,
               bool with_bias)
    : Linear(parameters.add_matrix(name + ".weight", out, in, fan_in(in))) {
  if (with_bias) bias = parameters.add(name + ".bias", {out}, fan_in(in));
}

Linear::Linear(Parameters& parameters, const std::string& name, std::int64_t in, std::int64_t out,
               const Init& weight_init, bool with_bias)
    : Linear(parameters.add_matrix(name + ".weight", out, in, weight_init)) {
  if (with_bias) bias = parameters.add(name + ".bias", {out}, {});
}

Linear::Linear(MatrixPtr tied) : weight(std::move(tied)) {
  weight->used_by_linear();
}

Embedding::Embedding(Parameters& parameters, const std::string& name, std::int64_t vocab,
                     std::int64_t width, const Init& init)
    : weight(parameters.add_matrix(name + ".weight", vocab, width, init)) {
  weight->used_by_embedding();
}

LayerNorm::LayerNorm(Parameters& parameters, const std::string& name, std::int64_t width,
                     double small)
    : weight(parameters.add(name + ".weight", {width}, {Init::Kind::ones})),
      bias(parameters.add(name + ".bias", {width}, {})),
      epsilon(small) {}

Tensor LayerNorm::operator()(const Tensor& x) const {
  if (!in_inference()) return at::layer_norm(x, weight.sizes(), weight, bias, epsilon);
  return normalize(x, [&](kernels::ConstRows in, kernels::Rows out) {
    kernels::layer_norm(in, floats_of(weight), floats_of(bias), static_cast<float>(epsilon), out);
  });
}

RmsNorm::RmsNorm(Parameters& parameters, const std::string& name, std::int64_t width, double small)
    : weight(parameters.add(name + ".weight", {width}, {Init::Kind::ones})), epsilon(small) {}

Tensor RmsNorm::operator()(const Tensor& x) const {
  if (!in_inference()) return x * at::rsqrt(x.pow(2).mean(-1, true) + epsilon) * weight;
  return normalize(x, [&](kernels::ConstRows in, kernels::Rows out) {
    kernels::rms_norm(in, floats_of(weight), static_cast<float>(epsilon), out);
  });
}

FeedForward::FeedForward(Parameters& parameters, const std::string& name, std::int64_t width,
                         std::int64_t inner, Activation kind, const Init& up_init,
                         const Init& down_init, bool with_bias)
    : up(parameters, name + ".up", width, is_gated(kind) ? 2 * inner : inner, up_init, with_bias),
      down(parameters, name + ".down", inner, width, down_init, with_bias),
      activation(kind) {}

Tensor FeedForward::operator()(const Tensor& x, double probability) const {
  return down(dropout(inner(x), probability));
}

Tensor FeedForward::inner(const Tensor& x) const {
  const Tensor lifted = up(x);
  switch (activation) {
    case Activation::relu:
      return at::relu(lifted);
    case Activation::gelu_erf:
      return nn::gelu(lifted);
    case Activation::silu:
      return in_inference() ? apply_kernel(kernels::Function::silu, lifted) : at::silu(lifted);
    case Activation::gelu_tanh:
      return in_inference() ? apply_kernel(kernels::Function::gelu_tanh, lifted)
                            : at::gelu(lifted, "tanh");
    case Activation::swiglu:
      if (in_inference()) return swiglu_kernel(lifted);
      break;
    case Activation::geglu:
      break;
  }
  const auto halves = lifted.chunk(2, -1);
  if (activation == Activation::swiglu) return at::silu(halves[0]) * halves[1];
  const Tensor gate = in_inference() ? apply_kernel(kernels::Function::gelu_tanh, halves[0])
                                     : at::gelu(halves[0], "tanh");
  return gate * halves[1];
}

Tensor gelu(const Tensor& x) {
  return in_inference() ? apply_kernel(kernels::Function::gelu_erf, x) : at::gelu(x, "none");
}

Tensor ids_tensor(const std::int32_t* ids, std::size_t count) {
  Tensor tensor = at::empty({1, static_cast<std::int64_t>(count)}, at::kLong);
  std::copy_n(ids, count, tensor.data_ptr<std::int64_t>());
  return tensor;
}

}  // namespace trellis::nn

#include "core/nn/layers.hpp"

#include <cmath>
#include <utility>

namespace trellis::nn {
namespace {

Init fan_in(std::int64_t in) {
  return {Init::Kind::uniform, 1.0 / std::sqrt(static_cast<double>(in))};
}

}  // namespace

Parameters::Parameters(std::uint64_t seed) : generator_(at::detail::createCPUGenerator(seed)) {}

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
  all_.push_back({std::move(name), tensor});
  return tensor;
}

std::uint64_t Parameters::count() const {
  std::uint64_t count = 0;
  for (const Parameter& parameter : all_)
    count += static_cast<std::uint64_t>(parameter.tensor.numel());
  return count;
}

Linear::Linear(Parameters& parameters, const std::string& name, std::int64_t in, std::int64_t out,
               bool with_bias)
    : weight(parameters.add(name + ".weight", {out, in}, fan_in(in))) {
  if (with_bias) bias = parameters.add(name + ".bias", {out}, fan_in(in));
}

Linear::Linear(Parameters& parameters, const std::string& name, std::int64_t in, std::int64_t out,
               const Init& weight_init)
    : weight(parameters.add(name + ".weight", {out, in}, weight_init)),
      bias(parameters.add(name + ".bias", {out}, {})) {}

Embedding::Embedding(Parameters& parameters, const std::string& name, std::int64_t vocab,
                     std::int64_t width, const Init& init)
    : weight(parameters.add(name + ".weight", {vocab, width}, init)) {}

LayerNorm::LayerNorm(Parameters& parameters, const std::string& name, std::int64_t width)
    : weight(parameters.add(name + ".weight", {width}, {Init::Kind::ones})),
      bias(parameters.add(name + ".bias", {width}, {})) {}

RmsNorm::RmsNorm(Parameters& parameters, const std::string& name, std::int64_t width)
    : weight(parameters.add(name + ".weight", {width}, {Init::Kind::ones})) {}

FeedForward::FeedForward(Parameters& parameters, const std::string& name, std::int64_t width,
                         std::int64_t inner, Activation kind, const Init& up_init,
                         const Init& down_init)
    : up(parameters, name + ".up", width, kind == Activation::swiglu ? 2 * inner : inner, up_init),
      down(parameters, name + ".down", inner, width, down_init),
      activation(kind) {}

Tensor FeedForward::operator()(const Tensor& x, double probability) const {
  const Tensor inner = up(x);
  switch (activation) {
    case Activation::relu:
      return down(dropout(at::relu(inner), probability));
    case Activation::gelu_tanh:
      return down(dropout(at::gelu(inner, "tanh"), probability));
    case Activation::swiglu: {
      const auto halves = inner.chunk(2, -1);
      return down(dropout(at::silu(halves[0]) * halves[1], probability));
    }
  }
  return inner;
}

Tensor ids_tensor(const std::int32_t* ids, std::size_t count) {
  Tensor tensor = at::empty({1, static_cast<std::int64_t>(count)}, at::kLong);
  std::copy_n(ids, count, tensor.data_ptr<std::int64_t>());
  return tensor;
}

}  // namespace trellis::nn

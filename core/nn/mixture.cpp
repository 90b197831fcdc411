#include "core/nn/mixture.hpp"

#include <cmath>

#include "core/kernels/normalization.hpp"

namespace trellis::nn {
namespace {

Tensor softmax_rows(const Tensor& x) {
  if (!in_inference()) return at::softmax(x, -1);
  Tensor result = at::empty(x.sizes());
  const Tensor in = x.contiguous();
  kernels::softmax(rows_of(in), static_cast<std::size_t>(x.size(-1)), rows_of(result));
  return result;
}

// How many of these rows count.
std::uint64_t count_of(const Tensor& rows, const Tensor& counted) {
  if (!counted.defined()) return static_cast<std::uint64_t>(rows.size(0));
  return static_cast<std::uint64_t>(counted.index_select(0, rows).sum().item<std::int64_t>());
}

}  // namespace

ExpertUse no_use(std::int64_t layer, std::int64_t experts) {
  const std::vector<std::uint64_t> zeros(static_cast<std::size_t>(experts));
  return {static_cast<std::int32_t>(layer), zeros, zeros};
}

MixtureOfExperts::MixtureOfExperts(Parameters& parameters, const std::string& name,
                                   const MixtureOptions& options)
    : gate(parameters, name + ".gate", options.width, options.experts, options.init, false),
      top_k(options.top_k),
      capacity_factor(options.capacity_factor) {
  for (std::int64_t i = 0; i < options.experts; ++i)
    experts.emplace_back(parameters, name + ".experts." + std::to_string(i), options.width,
                         options.inner, options.activation, options.init, options.down_init,
                         options.bias);
}

MixtureOfExperts::Result MixtureOfExperts::operator()(const Tensor& x, ExpertUse* use,
                                                      const Tensor& counted) const {
  const Tensor tokens = x.reshape({-1, x.size(-1)});
  const auto count = static_cast<std::int64_t>(experts.size());
  const Tensor logits = gate(tokens);  // [tokens, experts]
  const auto [best, chosen] = logits.topk(top_k, -1);
  const Tensor weights = at::zeros_like(logits).scatter(-1, chosen, softmax_rows(best));
  Result result;
  result.output = at::zeros_like(tokens);
  const bool limited = capacity_factor > 0 && at::GradMode::is_enabled();
  const auto capacity = static_cast<std::int64_t>(std::ceil(
      capacity_factor * static_cast<double>(top_k * tokens.size(0)) / static_cast<double>(count)));
  for (std::int64_t i = 0; i < count; ++i) {
    const Tensor weight = weights.select(-1, i);
    const auto expert = static_cast<std::size_t>(i);
    Tensor rows = weight.nonzero().squeeze(1);
    if (use != nullptr) use->tokens[expert] += count_of(rows, counted);
    if (limited && rows.size(0) > capacity) {
      if (use != nullptr) use->dropped[expert] += count_of(rows.slice(0, capacity), counted);
      rows = rows.narrow(0, 0, capacity);
    }
    if (rows.size(0) == 0) continue;
    const Tensor part = experts[expert](tokens.index_select(0, rows), 0.0) *
                        weight.index_select(0, rows).unsqueeze(1);
    result.output = result.output.index_add(0, rows, part);
  }
  result.output = result.output.view(x.sizes());
  auto shape = x.sizes().vec();
  shape.back() = count;
  result.use = weights.view(shape);
  if (at::GradMode::is_enabled()) {
    const Tensor share = (weights > 0).to(at::kFloat).mean(0) / static_cast<double>(top_k);
    result.balance = (share * at::softmax(logits, -1).mean(0)).sum() * static_cast<double>(count);
  }
  return result;
}

}  // namespace trellis::nn

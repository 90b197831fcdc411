// Mixtures of experts against what their definition gives by hand.
#include <gtest/gtest.h>

#include "core/nn/mixture.hpp"

namespace trellis {
namespace {

using nn::Tensor;

nn::MixtureOptions options(std::int64_t experts, std::int64_t top_k) {
  const nn::Init normal{nn::Init::Kind::normal, 0.3};
  return {.width = 12,
          .inner = 20,
          .experts = experts,
          .top_k = top_k,
          .capacity_factor = 0,
          .init = normal,
          .down_init = normal};
}

Tensor random_tensor(at::IntArrayRef shape) {
  return at::randn(shape, at::detail::createCPUGenerator(3));
}

TEST(Mixture, OfAllExpertsIsTheirWeightedSum) {
  const at::NoGradGuard no_gradient;
  nn::Parameters parameters(1);
  const nn::MixtureOfExperts mixture(parameters, "m", options(3, 3));
  const Tensor x = random_tensor({2, 5, 12});
  const Tensor weights = at::softmax(mixture.gate(x), -1);
  Tensor expected = at::zeros_like(x);
  for (std::int64_t i = 0; i < 3; ++i)
    expected = expected + weights.select(-1, i).unsqueeze(-1) *
                              mixture.experts[static_cast<std::size_t>(i)](x, 0.0);
  const auto result = mixture(x);
  EXPECT_TRUE(at::allclose(result.output, expected, 0, 1e-6));  // sums of three, in another order
  EXPECT_TRUE(at::allclose(result.use, weights, 0, 1e-6));
}

TEST(Mixture, UsesTheBestExpertsOnly) {
  const at::NoGradGuard no_gradient;
  nn::Parameters parameters(1);
  const nn::MixtureOfExperts mixture(parameters, "m", options(6, 2));
  const Tensor x = random_tensor({40, 12});
  const Tensor use = mixture(x).use;
  EXPECT_TRUE(at::equal((use > 0).sum(-1), at::full({40}, 2, at::kLong)));
  EXPECT_TRUE(at::allclose(use.sum(-1), at::ones({40}), 0, 1e-6));
  const Tensor logits = mixture.gate(x);
  EXPECT_TRUE(at::equal(use.argmax(-1), logits.argmax(-1)));
}

// All gates equal: each expert's mean probability is 1 / E, so the sum over experts is 1. All
// tokens on one expert of four, with certainty: 4 * 1 * 1.
TEST(Mixture, BalanceIsOneForEvenAndTheNumberOfExpertsForOneAlone) {
  nn::Parameters parameters(1);
  const nn::MixtureOfExperts mixture(parameters, "m", options(4, 1));
  const Tensor ones = at::ones({8, 12});
  {
    const at::NoGradGuard no_gradient;
    mixture.gate.weight->weight().zero_();
  }
  EXPECT_NEAR(mixture(ones).balance.item<float>(), 1.0F, 1e-6F);
  {
    const at::NoGradGuard no_gradient;
    mixture.gate.weight->weight()[2].fill_(10.0);
  }
  EXPECT_NEAR(mixture(ones).balance.item<float>(), 4.0F, 1e-6F);
}

// Two experts, four tokens, all on the first: with a factor of 1 it takes two of them.
TEST(Mixture, TokensBeyondTheCapacityGoWithoutInTrainingAlone) {
  nn::Parameters parameters(1);
  auto given = options(2, 1);
  given.capacity_factor = 1;
  const nn::MixtureOfExperts mixture(parameters, "m", given);
  {
    const at::NoGradGuard no_gradient;
    mixture.gate.weight->weight().zero_();
    mixture.gate.weight->weight()[0].fill_(1.0);
  }
  const Tensor x = at::ones({4, 12});
  const Tensor trained = mixture(x).output;
  EXPECT_TRUE(at::allclose(trained[0], trained[1], 0, 1e-6));  // BLAS may round rows unlike
  EXPECT_GT(trained[1].abs().max().item<float>(), 0.0F);
  EXPECT_TRUE(at::equal(trained[2], at::zeros({12})));
  EXPECT_TRUE(at::equal(trained[3], at::zeros({12})));
  const at::NoGradGuard no_gradient;
  const Tensor inferred = mixture(x).output;
  EXPECT_TRUE(at::allclose(inferred[3], inferred[0], 0, 1e-6));
}

TEST(Mixture, ItsGateLearns) {
  nn::Parameters parameters(1);
  const nn::MixtureOfExperts mixture(parameters, "m", options(4, 2));
  const auto result = mixture(random_tensor({16, 12}));
  (result.output.pow(2).sum() + result.balance).backward();
  for (const nn::Parameter& parameter : parameters.all())
    EXPECT_TRUE(parameter.tensor.grad().defined()) << parameter.name;
  EXPECT_GT(mixture.gate.weight->weight().grad().abs().sum().item<float>(), 0.0F);
}

}  // namespace
}  // namespace trellis

/// Additive attention: its definition to the bit in every target, and closeness to the exact
/// values.
#include "tests/unit/kernels_attention_fixture.hpp"

namespace trellis::tests {
namespace {

std::vector<float> attend_additively(const std::vector<float>& score, Sequence& sequence,
                                     kernels::Parallel& parallel) {
  std::vector<float> out;
  const AttentionPart part = part_of(sequence, out);
  kernels::attend_additive(score, 0, {&part, 1}, parallel);
  return out;
}

TEST(AdditiveAttention, HasTheBitsOfItsDefinitionAndStaysClose) {
  for (const std::size_t length : {1U, 16U, 37U}) {
    const Case shape = {{1, 1, 21, 40}, {1, 1, false, 0}, length, 8};
    Sequence sequence = make_sequence(shape, History::forked);
    const std::vector<float> score = numbers(21, 9);
    std::vector<float> expected;
    std::vector<double> exact;
    kernels::use_vector_target("scalar");
    for (std::size_t query = 0; query < shape.count; ++query) {
      std::vector<float> powers;
      std::vector<double> exact_powers;
      for (std::size_t t = 0; t < length; ++t) {
        float sum = 0;
        double exact_sum = 0;
        for (std::size_t i = 0; i < 21; ++i) {
          float power = sequence.queries[query * 21 + i] + sequence.keys[t * 21 + i];
          exact_sum += score[i] * std::tanh(double{power});
          kernels::apply(kernels::Function::tanh, {&power, 1}, {&power, 1});
          sum = std::fma(score[i], power, sum);
        }
        powers.push_back(sum);
        exact_powers.push_back(std::exp(exact_sum));
      }
      const float sum = powers_of(powers, 0);
      double exact_total = 0;
      for (const double power : exact_powers) exact_total += power;
      for (std::size_t i = 0; i < 40; ++i) {
        float taken = 0;
        double exact_taken = 0;
        for (std::size_t t = 0; t < length; ++t) {
          taken = std::fma(powers[t], sequence.values[t * 40 + i], taken);
          exact_taken += exact_powers[t] / exact_total * sequence.values[t * 40 + i];
        }
        expected.push_back(taken / sum);
        exact.push_back(exact_taken);
      }
    }
    in_every_target([&] {
      for (const std::size_t threads : {1U, 3U}) {
        kernels::ThreadPool pool(threads);
        const std::vector<float> out = attend_additively(score, sequence, pool);
        if (!kernels::fused_multiply_add()) continue;
        expect_same_bits(out, expected);
        // As in the header's bound with S at most the 21 scores below 1, tanh within 4 u added;
        // the values are below 1.
        const double bound = (2 * (24 + 4) * 21.0 + 1.1 * static_cast<double>(length) + 12);
        for (std::size_t i = 0; i < out.size(); ++i) {
          ASSERT_NEAR(out[i], exact[i], bound * 0x1p-24);
        }
      }
    });
  }
}

}  // namespace
}  // namespace trellis::tests

/// Functions of one float against correctly rounded values, over all exponents and the places where
/// their formulas change. The references are computed in doubles, whose own errors (a few times
/// 2^-53) are 2^-27 of the bounds.
#include <functional>
#include <limits>

#include "core/kernels/activation.hpp"
#include "tests/unit/kernels_fixture.hpp"

namespace trellis::tests {
namespace {

using kernels::Function;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Every 4099th float (a prime, so that all low bits occur), and all around the given places.
std::vector<float> many_floats(const std::vector<float>& places) {
  std::vector<float> made = {0.0F, -0.0F, kInfinity, -kInfinity, NAN};
  for (std::uint64_t bits = 0; bits < 1ULL << 32; bits += 4099) {
    made.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  for (const float place : places) {
    const std::uint32_t middle = bits_of(place);
    for (std::uint32_t i = 0; i < 4000; ++i)
      made.push_back(std::bit_cast<float>(middle - 2000 + i));
  }
  // The range where results are neither 0 nor infinite, densely.
  for (int i = -400'000; i <= 400'000; ++i) made.push_back(static_cast<float>(i) * (104.1F / 4e5F));
  return made;
}

// Spacing of floats at a value, and at least that of the subnormal ones.
double spacing(double value) {
  const double size = std::abs(value);
  if (size < 0x1p-126) return 0x1p-149;
  int exponent = 0;
  std::frexp(size, &exponent);
  return std::ldexp(1.0, exponent - 24);
}

struct Reference {
  Function function;
  std::function<double(double)> exact;
  std::function<double(double)> bound;  // in ulp
  std::vector<float> places;
};

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x * M_SQRT1_2);
}

double gelu_tanh_argument(double x) {
  return std::sqrt(8 / M_PI) * (x + 0.044715 * x * x * x);
}

// x / (1 + e^-v) without overflow of the power.
double logistic_times(double x, double v) {
  return v < 0 ? x * std::exp(v) / (1 + std::exp(v)) : x / (1 + std::exp(-v));
}

std::vector<Reference> references() {
  const auto ulp = [](double bound) { return [bound](double) { return bound; }; };
  const auto argument = [](double x) { return 5 + 4 * std::abs(gelu_tanh_argument(x)); };
  return {
      {Function::exp,
       [](double x) { return std::exp(x); },
       ulp(1.1),
       {-104, -87.3F, 0.3466F, 88.7F}},
      {Function::log,
       [](double x) { return std::log(x); },
       ulp(1.5),
       {1, 0x1p-126F, M_SQRT1_2, M_SQRT2}},
      {Function::tanh, [](double x) { return std::tanh(x); }, ulp(2), {0.625F, -0.625F, 9}},
      {Function::logistic, [](double x) { return logistic_times(1, x); }, ulp(3), {-104, -88}},
      {Function::relu, [](double x) { return x < 0 ? 0 : x; }, ulp(0), {}},
      {Function::silu, [](double x) { return logistic_times(x, x); }, ulp(4), {-104, -88}},
      {Function::gelu_erf, [](double x) { return x * normal_cdf(x); }, ulp(5), {-14.5F, -13}},
      {Function::gelu_tanh,
       [](double x) { return logistic_times(x, gelu_tanh_argument(x)); },
       argument,
       {-10, -9}},
  };
}

std::vector<float> results(Function function, const std::vector<float>& in) {
  std::vector<float> out(in.size());
  kernels::apply(function, in, out);
  return out;
}

// Prints the greatest error that was seen, in ulp, so that a bound can be judged.
void expect_close(const Reference& reference, const std::vector<float>& in,
                  const std::vector<float>& out) {
  double worst = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double exact = reference.exact(in[i]);
    if (std::isnan(exact)) {
      ASSERT_TRUE(std::isnan(out[i])) << in[i];
      continue;
    }
    if (std::isinf(static_cast<float>(exact)) || std::isinf(in[i])) {
      ASSERT_EQ(out[i], static_cast<float>(exact)) << in[i];
      continue;
    }
    // A product with a subnormal factor keeps that factor's error.
    const double least = std::max(1.0, std::abs(static_cast<double>(in[i]))) * 0x1p-149;
    const double error = std::abs(out[i] - exact);
    const double bound = reference.bound(in[i]);
    ASSERT_LE(error, std::max(bound * spacing(exact), bound > 0 ? least : 0))
        << in[i] << ": " << out[i] << " instead of " << exact;
    if (std::abs(exact) > 0x1p-126) worst = std::max(worst, error / spacing(exact));
  }
  std::printf("worst error %.3f ulp\n", worst);
}

TEST(Elementary, StaysWithinItsErrorBounds) {
  for (const Reference& reference : references()) {
    SCOPED_TRACE(static_cast<int>(reference.function));
    const std::vector<float> in = many_floats(reference.places);
    expect_close(reference, in, results(reference.function, in));
  }
}

TEST(Elementary, HasTheSameBitsInEveryTarget) {
  for (const Reference& reference : references()) {
    SCOPED_TRACE(static_cast<int>(reference.function));
    std::vector<float> in = many_floats(reference.places);
    in.resize(in.size() / 8 * 8 + 5);  // leaves a rest in every width
    kernels::use_vector_target("scalar");
    const std::vector<float> expected = results(reference.function, in);
    in_every_target([&] {
      if (kernels::fused_multiply_add())
        expect_same_bits(results(reference.function, in), expected);
    });
  }
}

TEST(Elementary, KnowsTheExactValues) {
  in_every_target([] {
    EXPECT_THAT(results(Function::exp, {0, -0.0F, kInfinity, -kInfinity, -104, 89}),
                testing::ElementsAre(1, 1, kInfinity, 0, 0, kInfinity));
    EXPECT_THAT(results(Function::log, {1, 0, -0.0F, kInfinity}),
                testing::ElementsAre(0, -kInfinity, -kInfinity, kInfinity));
    EXPECT_THAT(results(Function::log, {-1, -kInfinity, NAN}), testing::Each(testing::IsNan()));
    EXPECT_THAT(results(Function::tanh, {0, 0x1p-149F, kInfinity, -kInfinity, 20}),
                testing::ElementsAre(0, 0x1p-149F, 1, -1, 1));
    EXPECT_THAT(results(Function::logistic, {0, kInfinity, -kInfinity}),
                testing::ElementsAre(0.5F, 1, 0));
    EXPECT_THAT(results(Function::relu, {-1, 2, -kInfinity}), testing::ElementsAre(0, 2, 0));
    EXPECT_THAT(results(Function::silu, {0, 100}), testing::ElementsAre(0, 100));
    EXPECT_THAT(results(Function::gelu_erf, {0, 100}), testing::ElementsAre(0, 100));
    EXPECT_THAT(results(Function::gelu_tanh, {0, 100}), testing::ElementsAre(0, 100));
  });
}

TEST(Elementary, MayWorkInPlace) {
  in_every_target([] {
    std::vector<float> values = numbers(37, 1);
    const std::vector<float> expected = results(Function::silu, values);
    kernels::apply(Function::silu, values, values);
    expect_same_bits(values, expected);
  });
}

TEST(Elementary, GatesAndAdds) {
  const std::vector<float> a = numbers(37, 1);
  const std::vector<float> b = numbers(37, 2);
  in_every_target([&] {
    const std::vector<float> gate = results(Function::silu, a);
    std::vector<float> gated(a.size());
    std::vector<float> sums(a.size());
    kernels::swiglu(a, b, gated);
    kernels::add(a, b, sums);
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(gated[i], gate[i] * b[i]);
      EXPECT_EQ(sums[i], a[i] + b[i]);
    }
  });
}

}  // namespace
}  // namespace trellis::tests

#include "core/kernels/gumbel.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/kernels/selection.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/gumbel.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/double-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

constexpr std::uint64_t kMultiplier0 = 0xD2511F53;
constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
constexpr std::uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

constexpr std::size_t kBlock = 256;  // tokens worked on at once
using Bits = std::array<std::uint32_t, kBlock>;

// A word lies in the lower half of a lane of 64 bits; what is in the upper half never matters.
using Wide = DoubleBits;
using WideVector = hn::Vec<Wide>;

HWY_INLINE WideVector product(WideVector a, std::uint64_t multiplier) {
#if HWY_TARGET == HWY_SCALAR
  return WideVector(static_cast<std::uint32_t>(a.raw) * multiplier);
#else
  const hn::Repartition<std::uint32_t, Wide> words;
  return hn::MulEven(hn::BitCast(words, a), hn::BitCast(words, hn::Set(Wide(), multiplier)));
#endif
}

HWY_INLINE WideVector exclusive_or(WideVector a, WideVector b, std::uint32_t key) {
  return hn::Xor(hn::Xor(a, b), hn::Set(Wide(), key));
}

// Vectors of counters that are scrambled together: a round waits for the one before it, so one
// alone leaves most of the machine idle.
#if HWY_TARGET <= HWY_AVX3
constexpr std::size_t kTogether = 4;
#else
constexpr std::size_t kTogether = 2;
#endif
constexpr std::size_t kVectorTokens = 4 * kDoubleWidth;  // one counter gives four tokens their bits
static_assert(kBlock % (kTogether * kVectorTokens) == 0);

struct Counters {
  WideVector word0, word1, word2, word3;
};

HWY_INLINE void scramble_once(Counters& counters, std::uint32_t key0, std::uint32_t key1) {
  const WideVector product0 = product(counters.word0, kMultiplier0);
  const WideVector product1 = product(counters.word2, kMultiplier1);
  counters.word0 = exclusive_or(hn::ShiftRight<32>(product1), counters.word1, key0);
  counters.word2 = exclusive_or(hn::ShiftRight<32>(product0), counters.word3, key1);
  counters.word1 = product1;
  counters.word3 = product0;
}

// The words as the bits of kVectorTokens tokens.
HWY_INLINE void store_words(const Counters& counters, std::uint32_t* bits) {
  const Wide d;
  const auto low = hn::Set(d, 0xffffffffULL);
  const auto pair0 = hn::Or(hn::And(counters.word0, low), hn::ShiftLeft<32>(counters.word1));
  const auto pair1 = hn::Or(hn::And(counters.word2, low), hn::ShiftLeft<32>(counters.word3));
  std::uint64_t pairs[2 * kDoubleWidth];
  hn::StoreInterleaved2(pair0, pair1, d, pairs);
  // The lower half of a number lies first.
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(bits, pairs, sizeof pairs);
}

// Of the counters first, first + 1 ... of kVectors vectors: the bits of the tokens that are theirs.
template <std::size_t kVectors>
HWY_INLINE void scramble(const NoisePlace& place, std::uint32_t first, std::uint32_t* bits) {
  const Wide d;
  Counters counters[kVectors];
  HWY_UNROLL(4)
  for (std::size_t v = 0; v < kVectors; ++v) {
    counters[v] = {hn::Iota(d, first + v * kDoubleWidth), hn::Set(d, place.use),
                   hn::Set(d, place.position & 0xffffffffU), hn::Set(d, place.position >> 32U)};
  }
  std::uint32_t key0 = place.key[0];
  std::uint32_t key1 = place.key[1];
  HWY_UNROLL(10)
  for (int round = 0; round < kRounds; ++round) {
    HWY_UNROLL(4)
    for (std::size_t v = 0; v < kVectors; ++v) scramble_once(counters[v], key0, key1);
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  HWY_UNROLL(4)
  for (std::size_t v = 0; v < kVectors; ++v) store_words(counters[v], bits + v * kVectorTokens);
}

// The random bits of the tokens from `first` on, a multiple of four.
HWY_NOINLINE void draw(const NoisePlace& place, std::size_t first, Bits& bits) {
  for (std::size_t i = 0; i < kBlock; i += kTogether * kVectorTokens) {
    scramble<kTogether>(place, static_cast<std::uint32_t>((first + i) / 4), bits.data() + i);
  }
}

HWY_INLINE hn::Vec<NarrowFloats> noise_of(hn::Vec<hn::Rebind<std::uint32_t, Doubles>> bits) {
  const Wide d;
  // 2^52 + bits as a double, less 2^52.
  const auto shifted = hn::Or(hn::PromoteTo(d, bits), hn::Set(d, 0x4330000000000000ULL));
  const DoubleVector whole = hn::Sub(hn::BitCast(Doubles(), shifted), double_constant(0x1p52));
  const DoubleVector u = hn::Mul(hn::Add(whole, double_constant(0.5)), double_constant(0x1p-32));
  const DoubleVector noise = hn::Neg(logarithm(hn::Neg(logarithm(u))));
  return to_floats(noise);
}

void fill(const NoisePlace& place, std::span<float> out) {
  const hn::Rebind<std::uint32_t, Doubles> d;
  Bits bits;
  for (std::size_t begin = 0; begin < out.size(); begin += kBlock) {
    draw(place, begin, bits);
    const std::size_t count = std::min(kBlock, out.size() - begin);
    std::size_t i = 0;
    for (; i + kDoubleWidth <= count; i += kDoubleWidth) {
      hn::StoreU(noise_of(hn::LoadU(d, bits.data() + i)), NarrowFloats(), out.data() + begin + i);
    }
    if (i == count) continue;
    float rest[kDoubleWidth];
    hn::StoreU(noise_of(hn::LoadU(d, bits.data() + i)), NarrowFloats(), rest);
    std::copy_n(rest, count - i, out.data() + begin + i);
  }
}

// For the tokens of one counter, or fewer: their noise one by one.
HWY_NOINLINE float noise_of_bits(std::uint32_t bits) {
  const double u = (static_cast<double>(bits) + 0.5) * 0x1p-32;
  return static_cast<float>(-kernels::logarithm(-kernels::logarithm(u)));
}

void fill_listed(const NoisePlace& place, std::span<const std::int32_t> tokens,
                 std::span<float> out) {
  std::uint32_t bits[kVectorTokens];
  std::size_t drawn = std::numeric_limits<std::size_t>::max();  // the first token of `bits`
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto token = static_cast<std::size_t>(tokens[i]);
    if (token < drawn || token - drawn >= kVectorTokens) {
      drawn = token / 4 * 4;
      scramble<1>(place, static_cast<std::uint32_t>(drawn / 4), bits);
    }
    out[i] = noise_of_bits(bits[token - drawn]);
  }
}

using Floats = hn::CappedTag<float, 16>;
constexpr std::size_t kWidth = hn::MaxLanes(Floats());

// The search for the greatest noisy score.
//
// With 1 - u < -log u, noise of bits can only reach t where 1 - u <= e^-t. The power is bounded
// from above by straight lines between powers of two, which takes few instructions; the noise of
// what passes is then worked out. `slack` is more than all rounding on the way.
struct Search {
  const NoisePlace& place;
  std::span<const float> scores;
  std::size_t index = 0;
  float best = 0;
  float slack = 0;

  void take(std::size_t at, std::uint32_t bits) {
    const float noisy = noise_of_bits(bits) + scores[at];
    if (noisy > best || (noisy == best && at < index)) set(at, noisy);
  }
  void set(std::size_t at, float noisy) {
    index = at;
    best = noisy;
    slack = 1e-3F + 1e-6F * std::fabs(noisy);
  }
};

constexpr float kMostNoise = 23;  // more than any noise

// Which of the scores from `at` on could win with some noise.
HWY_INLINE hn::Mask<Floats> hopeful(const Search& search, const float* scores,
                                    hn::Vec<Floats>& distance) {
  const Floats d;
  distance = hn::Sub(hn::LoadU(d, scores), hn::Set(d, search.best - search.slack));
  return hn::Gt(distance, hn::Set(d, -kMostNoise));
}

HWY_INLINE hn::Mask<Floats> can_win(const std::uint32_t* bits, hn::Vec<Floats> distance) {
  const Floats d;
  const hn::RebindToSigned<Floats> integers;
  const hn::RebindToUnsigned<Floats> words;
  // From 0 on every noise can win; far above, the exponent would be none.
  const auto bounded = hn::Min(hn::Max(distance, hn::Set(d, -kMostNoise)), hn::Set(d, 1));
  const auto exponent = hn::Add(hn::Mul(bounded, hn::Set(d, 1.44269504F)), hn::Set(d, 127));
  const auto power =
      hn::BitCast(d, hn::ConvertTo(integers, hn::Mul(exponent, hn::Set(d, 0x1p23F))));
  // At most 1 - u: one bit is dropped, so that the number is a signed integer.
  const auto rest = hn::ShiftRight<1>(hn::Not(hn::LoadU(words, bits)));
  const auto least = hn::Mul(hn::ConvertTo(d, hn::BitCast(integers, rest)), hn::Set(d, 0x1p-31F));
  return hn::Le(least, power);
}

HWY_NOINLINE void search_block(Search& search, std::size_t begin, std::size_t count) {
  const Floats d;
  const float* scores = search.scores.data() + begin;
  float padded[kBlock];
  if (count < kBlock) {
    std::fill_n(padded, kBlock, -std::numeric_limits<float>::infinity());
    std::copy_n(scores, count, padded);
    scores = padded;
  }
  Bits bits;
  bool drawn = false;
  for (std::size_t i = 0; i < count; i += kWidth) {
    hn::Vec<Floats> distance;
    const auto hope = hopeful(search, scores + i, distance);
    if (hn::AllFalse(d, hope)) continue;
    if (!drawn) draw(search.place, begin, bits);
    drawn = true;
    const auto winners = hn::And(hope, can_win(bits.data() + i, distance));
    if (hn::AllFalse(d, winners)) continue;
    float marks[kWidth];
    hn::StoreU(hn::IfThenElse(winners, hn::Set(d, 1), hn::Zero(d)), d, marks);
    for (std::size_t lane = 0; lane < kWidth; ++lane) {
      if (marks[lane] != 0) search.take(begin + i + lane, bits[i + lane]);
    }
  }
}

std::size_t search_all(const NoisePlace& place, std::span<const float> scores) {
  Search search{place, scores};
  const std::size_t first = argmax(scores);
  if (!std::isfinite(scores[first])) return first;  // all are -infinity, or one is +infinity
  const auto token = static_cast<std::int32_t>(first);
  float noise = 0;
  fill_listed(place, {&token, 1}, {&noise, 1});
  search.set(first, noise + scores[first]);
  for (std::size_t begin = 0; begin < scores.size(); begin += kBlock) {
    search_block(search, begin, std::min(kBlock, scores.size() - begin));
  }
  return search.index;
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {

HWY_EXPORT(fill);
HWY_EXPORT(fill_listed);
HWY_EXPORT(search_all);

void gumbel_noise(const NoisePlace& place, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(fill)(place, out);
}

void gumbel_noise_of(const NoisePlace& place, std::span<const std::int32_t> tokens,
                     std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(fill_listed)(place, tokens, out);
}

std::size_t gumbel_argmax(const NoisePlace& place, std::span<const float> scores) {
  return HWY_DYNAMIC_DISPATCH(search_all)(place, scores);
}

}  // namespace trellis::kernels
#endif

#include "core/decode/random.hpp"

#include <algorithm>

#include "core/kernels/elementary.hpp"

namespace trellis::decode {
namespace {

constexpr std::uint32_t kMultiplier0 = 0xD2511F53;
constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
constexpr std::uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

// What a counter is used for, so that no two uses share numbers.
enum class Use : std::uint32_t { gumbel = 0, uniform = 1, derive = 2, separate = 3 };

constexpr std::uint32_t low(std::uint64_t x) {
  return static_cast<std::uint32_t>(x);
}
constexpr std::uint32_t high(std::uint64_t x) {
  return static_cast<std::uint32_t>(x >> 32);
}

constexpr std::size_t kBlocks = 64;  // counters worked on at once

// The block function for kBlocks counters, each word in an array of its own so that the loops
// become vector code.
struct Batch {
  std::array<std::uint32_t, kBlocks> word0, word1, word2, word3;

  void scramble(std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < kRounds; ++round) {
      for (std::size_t i = 0; i < kBlocks; ++i) {
        const std::uint64_t product0 = std::uint64_t{kMultiplier0} * word0[i];
        const std::uint64_t product1 = std::uint64_t{kMultiplier1} * word2[i];
        const std::uint32_t next0 = high(product1) ^ word1[i] ^ key[0];
        const std::uint32_t next2 = high(product0) ^ word3[i] ^ key[1];
        word1[i] = low(product1);
        word3[i] = low(product0);
        word0[i] = next0;
        word2[i] = next2;
      }
      key[0] += kWeyl0;
      key[1] += kWeyl1;
    }
  }
};

// Seed, example and sample need 160 bits and the block function takes 64 as a key: they are mixed
// down by the block function itself.
std::array<std::uint32_t, 2> key_of(const NoiseKey& key) {
  const auto mixed = philox4x32(
      {low(key.example), high(key.example), key.sample, static_cast<std::uint32_t>(Use::derive)},
      {low(key.seed), high(key.seed)});
  if (key.stream == 0) return {mixed[0], mixed[1]};
  const auto apart =
      philox4x32({low(key.stream), high(key.stream), 0, static_cast<std::uint32_t>(Use::separate)},
                 {mixed[0], mixed[1]});
  return {apart[0], apart[1]};
}

// -log(-log u) with u in the middle of one of 2^32 equal steps of (0, 1), so never 0 or 1.
float gumbel_of(std::uint32_t bits) {
  const double u = (static_cast<double>(bits) + 0.5) * 0x1p-32;
  return static_cast<float>(-kernels::logarithm(-kernels::logarithm(u)));
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{kMultiplier0} * counter[0];
    const std::uint64_t product1 = std::uint64_t{kMultiplier1} * counter[2];
    counter = {high(product1) ^ counter[1] ^ key[0], low(product1),
               high(product0) ^ counter[3] ^ key[1], low(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

void gumbel_noise(const NoiseKey& key, std::uint64_t position, std::span<float> out) {
  const auto derived = key_of(key);
  Batch batch;
  std::array<std::uint32_t, 4 * kBlocks> bits;
  for (std::size_t begin = 0; begin < out.size(); begin += bits.size()) {
    for (std::size_t i = 0; i < kBlocks; ++i) {
      batch.word0[i] = static_cast<std::uint32_t>(begin / 4 + i);
      batch.word1[i] = static_cast<std::uint32_t>(Use::gumbel);
      batch.word2[i] = low(position);
      batch.word3[i] = high(position);
    }
    batch.scramble(derived);
    for (std::size_t i = 0; i < kBlocks; ++i) {
      bits[4 * i] = batch.word0[i];
      bits[4 * i + 1] = batch.word1[i];
      bits[4 * i + 2] = batch.word2[i];
      bits[4 * i + 3] = batch.word3[i];
    }
    const std::size_t count = std::min(bits.size(), out.size() - begin);
    for (std::size_t i = 0; i < count; ++i) out[begin + i] = gumbel_of(bits[i]);
  }
}

double uniform_noise(const NoiseKey& key, std::uint64_t position, std::uint32_t draw) {
  const auto bits = philox4x32(
      {draw, static_cast<std::uint32_t>(Use::uniform), low(position), high(position)}, key_of(key));
  const std::uint64_t joined = (std::uint64_t{bits[0]} << 32) | bits[1];
  return static_cast<double>(joined >> 11) * 0x1p-53;
}

}  // namespace trellis::decode

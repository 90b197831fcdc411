#include "core/decode/random.hpp"

namespace trellis::decode {
namespace {

constexpr std::uint32_t kMultiplier0 = 0xD2511F53;
constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
constexpr std::uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

// What a counter is used for, so that no two uses share numbers.
enum class Use : std::uint32_t { gumbel = 0, uniform = 1, derive = 2, separate = 3, turn = 4 };

constexpr std::uint32_t low(std::uint64_t x) {
  return static_cast<std::uint32_t>(x);
}
constexpr std::uint32_t high(std::uint64_t x) {
  return static_cast<std::uint32_t>(x >> 32);
}

using Key = std::array<std::uint32_t, 2>;

Key mixed_with(const Key& key, std::array<std::uint32_t, 3> more, Use use) {
  const auto mixed = philox4x32({more[0], more[1], more[2], static_cast<std::uint32_t>(use)}, key);
  return {mixed[0], mixed[1]};
}

// Seed, example and sample need 160 bits and the block function takes 64 as a key: they are mixed
// down by the block function itself.
Key key_of(const NoiseKey& key) {
  auto mixed = mixed_with({low(key.seed), high(key.seed)},
                          {low(key.example), high(key.example), key.sample}, Use::derive);
  if (key.stream != 0) {
    mixed = mixed_with(mixed, {low(key.stream), high(key.stream), 0}, Use::separate);
  }
  if (key.turn != 0) mixed = mixed_with(mixed, {key.turn, 0, 0}, Use::turn);
  return mixed;
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

kernels::NoisePlace gumbel_place(const NoiseKey& key, std::uint64_t position) {
  return {key_of(key), static_cast<std::uint32_t>(Use::gumbel), position};
}

void gumbel_noise(const NoiseKey& key, std::uint64_t position, std::span<float> out) {
  kernels::gumbel_noise(gumbel_place(key, position), out);
}

double uniform_noise(const NoiseKey& key, std::uint64_t position, std::uint32_t draw) {
  const auto bits = philox4x32(
      {draw, static_cast<std::uint32_t>(Use::uniform), low(position), high(position)}, key_of(key));
  const std::uint64_t joined = (std::uint64_t{bits[0]} << 32) | bits[1];
  return static_cast<double>(joined >> 11) * 0x1p-53;
}

}  // namespace trellis::decode

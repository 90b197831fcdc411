#include "core/kernels/quantization.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "core/error.hpp"
#include "core/kernels/half.hpp"

namespace trellis::kernels {
namespace {

constexpr std::size_t kBlock = 32;

[[noreturn]] void refuse(WeightStorage storage, float weight) {
  throw Error(Fault::bad_data, "a weight of " + std::to_string(weight) + " cannot be stored as " +
                                   std::string(storage_name(storage)) +
                                   ": store this matrix as float32 or bfloat16");
}

std::uint16_t finite_float16(WeightStorage storage, float value) {
  const std::uint16_t half = to_float16(value);
  if ((half & 0x7c00U) == 0x7c00U) refuse(storage, value);
  return half;
}

void put(std::uint16_t half, std::byte* to) {
  std::memcpy(to, &half, sizeof(half));
}

std::uint16_t get(const std::byte* from) {
  std::uint16_t half = 0;
  std::memcpy(&half, from, sizeof(half));
  return half;
}

// 1 / scale, and 0 where that is infinite: such scales are 0 as float16.
float inverse(float scale) {
  const float inverted = 1.0F / scale;
  return std::isfinite(inverted) ? inverted : 0.0F;
}

void store_q8_0(std::span<const float> weights, std::byte* out) {
  float greatest = 0;
  for (const float weight : weights) greatest = std::max(greatest, std::abs(weight));
  const float scale = greatest / 127;
  put(finite_float16(WeightStorage::q8_0, scale), out);
  const float factor = inverse(scale);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    out[2 + i] = static_cast<std::byte>(static_cast<int>(std::round(weights[i] * factor)));
  }
}

// Puts levels of weights i and i + 16 into one byte.
void store_nibble(std::byte* bytes, std::size_t i, float level) {
  const auto whole = static_cast<unsigned>(std::min(15, static_cast<int>(level)));
  bytes[i % 16] |= static_cast<std::byte>(whole << (i < 16 ? 0U : 4U));
}

void store_q4_0(std::span<const float> weights, std::byte* out) {
  float greatest = 0;  // in size; keeps its sign
  for (const float weight : weights) {
    if (std::abs(weight) > std::abs(greatest)) greatest = weight;
  }
  const float scale = greatest / -8;  // so that the greatest becomes 0 of 0 to 15
  put(finite_float16(WeightStorage::q4_0, scale), out);
  const float factor = inverse(scale);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    store_nibble(out + 2, i, weights[i] * factor + 8.5F);
  }
}

void store_q4_1(std::span<const float> weights, std::byte* out) {
  const auto [least, greatest] = std::minmax_element(weights.begin(), weights.end());
  const float scale = (*greatest - *least) / 15;
  put(finite_float16(WeightStorage::q4_1, scale), out);
  put(finite_float16(WeightStorage::q4_1, *least), out + 2);
  const float factor = inverse(scale);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    store_nibble(out + 4, i, (weights[i] - *least) * factor + 0.5F);
  }
}

void store_block(WeightStorage storage, std::span<const float> weights, std::byte* out) {
  for (const float weight : weights) {
    if (!std::isfinite(weight)) refuse(storage, weight);
  }
  if (storage == WeightStorage::q8_0) return store_q8_0(weights, out);
  if (storage == WeightStorage::q4_0) return store_q4_0(weights, out);
  store_q4_1(weights, out);
}

}  // namespace

std::string_view storage_name(WeightStorage storage) {
  constexpr std::string_view kNames[] = {"float32", "float16", "bfloat16", "q8_0", "q4_0", "q4_1"};
  return kNames[static_cast<std::size_t>(storage)];
}

std::size_t block_size(WeightStorage storage) {
  return storage < WeightStorage::q8_0 ? 1 : kBlock;
}

std::size_t block_bytes(WeightStorage storage) {
  constexpr std::size_t kBytes[] = {4, 2, 2, 2 + kBlock, 2 + kBlock / 2, 4 + kBlock / 2};
  return kBytes[static_cast<std::size_t>(storage)];
}

std::size_t row_bytes(WeightStorage storage, std::size_t weights) {
  const std::size_t block = block_size(storage);
  return (weights + block - 1) / block * block_bytes(storage);
}

void store_row(WeightStorage storage, std::span<const float> row, std::span<std::byte> out) {
  if (storage == WeightStorage::float32) {
    std::ranges::copy(std::as_bytes(row), out.begin());
    return;
  }
  std::fill(out.begin(), out.end(), std::byte{0});
  const std::size_t block = block_size(storage);
  std::byte* to = out.data();
  for (std::size_t i = 0; i < row.size(); i += block) {
    if (storage == WeightStorage::bfloat16) {
      put(to_bfloat16(row[i]), to);
    } else if (storage == WeightStorage::float16) {
      put(std::isfinite(row[i]) ? finite_float16(storage, row[i]) : to_float16(row[i]), to);
    } else {
      store_block(storage, row.subspan(i, std::min(block, row.size() - i)), to);
    }
    to += block_bytes(storage);
  }
}

QuantizedBlock read_block(WeightStorage storage, const std::byte* block) {
  QuantizedBlock read;
  read.scale = get(block);
  block += 2;
  if (storage == WeightStorage::q4_1) {
    read.least = get(block);
    block += 2;
  }
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (storage == WeightStorage::q8_0) {
      read.levels[i] = static_cast<std::uint8_t>(static_cast<unsigned>(block[i]) ^ 0x80U);
    } else {
      const auto both = static_cast<unsigned>(block[i % 16]);
      read.levels[i] = static_cast<std::uint8_t>(i < 16 ? both & 15U : both >> 4U);
    }
  }
  return read;
}

float weight_of(WeightStorage storage, std::uint16_t scale, std::uint16_t least,
                std::uint8_t level) {
  const int zero = storage == WeightStorage::q8_0 ? 128 : storage == WeightStorage::q4_0 ? 8 : 0;
  const float product = from_float16(scale) * static_cast<float>(level - zero) + 0.0F;
  return storage == WeightStorage::q4_1 ? product + from_float16(least) : product;
}

void load_row(WeightStorage storage, std::span<const std::byte> row, std::span<float> out) {
  if (storage == WeightStorage::float32) {
    std::ranges::copy(row.first(out.size_bytes()), std::as_writable_bytes(out).begin());
    return;
  }
  const std::size_t size = block_size(storage);
  const std::byte* from = row.data();
  for (std::size_t i = 0; i < out.size(); i += size) {
    if (storage == WeightStorage::bfloat16) {
      out[i] = from_bfloat16(get(from));
    } else if (storage == WeightStorage::float16) {
      out[i] = from_float16(get(from));
    } else {
      const QuantizedBlock block = read_block(storage, from);
      for (std::size_t j = 0; j < std::min(size, out.size() - i); ++j) {
        out[i + j] = weight_of(storage, block.scale, block.least, block.levels[j]);
      }
    }
    from += block_bytes(storage);
  }
}

}  // namespace trellis::kernels

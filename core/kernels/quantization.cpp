#include "core/kernels/quantization.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "core/error.hpp"
#include "core/kernels/half.hpp"
#include "core/kernels/quantized_block.hpp"

namespace trellis::kernels {
namespace {

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
  constexpr std::string_view kNames[] = {"float32", "float16", "bfloat16", "q8_0", "q4_0", "q4_1",
                                         "q5_0",    "q5_1",    "q4_k",     "q5_k", "q6_k"};
  return kNames[static_cast<std::size_t>(storage)];
}

void store_row(WeightStorage storage, std::span<const float> row, std::span<std::byte> out) {
  if (storage == WeightStorage::float32) {
    std::ranges::copy(std::as_bytes(row), out.begin());
    return;
  }
  std::fill(out.begin(), out.end(), std::byte{0});
  const BlockFormat format = block_format(storage);
  std::byte* to = out.data();
  for (std::size_t i = 0; i < row.size(); i += format.weights) {
    if (storage == WeightStorage::bfloat16) {
      put(to_bfloat16(row[i]), to);
    } else if (storage == WeightStorage::float16) {
      put(std::isfinite(row[i]) ? finite_float16(storage, row[i]) : to_float16(row[i]), to);
    } else {
      store_block(storage, row.subspan(i, std::min(format.weights, row.size() - i)), to);
    }
    to += format.bytes;
  }
}

void load_row(WeightStorage storage, std::span<const std::byte> row, std::span<float> out) {
  if (storage == WeightStorage::float32) {
    std::ranges::copy(row.first(out.size_bytes()), std::as_writable_bytes(out).begin());
    return;
  }
  const BlockFormat format = block_format(storage);
  QuantizedBlock block;
  const std::byte* from = row.data();
  for (std::size_t i = 0; i < out.size(); i += format.weights) {
    if (storage == WeightStorage::bfloat16) {
      out[i] = from_bfloat16(get(from));
    } else if (storage == WeightStorage::float16) {
      out[i] = from_float16(get(from));
    } else {
      read_block(storage, from, block);
      weights_of(storage, block, out.subspan(i, std::min(format.weights, out.size() - i)));
    }
    from += format.bytes;
  }
}

}  // namespace trellis::kernels

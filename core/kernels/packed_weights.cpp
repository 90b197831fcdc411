#include "core/kernels/packed_weights.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/kernels/half.hpp"

namespace trellis::kernels {
namespace {

constexpr std::size_t kPanel = PackedWeights::kPanel;

// Where in its block of a panel an output has its numbers; in bytes.
struct BlockPlaces {
  std::size_t scale = 0;
  std::size_t least = 0;
  std::size_t words = 0;
  std::size_t levels = 0;  // in a word
};

BlockPlaces places_of(WeightStorage storage, std::size_t output) {
  const std::size_t halves = kPanel * sizeof(std::uint16_t);
  const std::size_t column = output % kPanel;
  const std::size_t words = storage == WeightStorage::q4_1 ? 2 * halves : halves;
  return {column * sizeof(std::uint16_t), halves + column * sizeof(std::uint16_t),
          words + column * sizeof(std::uint32_t), storage == WeightStorage::q8_0 ? 4U : 8U};
}

template <typename Number>
void put(Number number, std::byte* to) {
  std::memcpy(to, &number, sizeof(number));
}

template <typename Number>
Number get(const std::byte* from) {
  Number number = 0;
  std::memcpy(&number, from, sizeof(number));
  return number;
}

// The low halves of 8 bytes as one word, the first in the lowest bits.
std::uint32_t join_halves(std::uint64_t bytes) {
  bytes &= 0x0f0f0f0f0f0f0f0fU;
  bytes = (bytes | (bytes >> 4)) & 0x00ff00ff00ff00ffU;
  bytes = (bytes | (bytes >> 8)) & 0x0000ffff0000ffffU;
  return static_cast<std::uint32_t>(bytes | (bytes >> 16));
}

// `block` as a GGUF file has it; its levels become words, as weight_of() counts them.
void put_block(WeightStorage storage, const std::byte* block, std::size_t output,
               std::byte* panel) {
  const BlockPlaces places = places_of(storage, output);
  constexpr std::size_t kNext = kPanel * sizeof(std::uint32_t);
  put(get<std::uint16_t>(block), panel + places.scale);
  if (storage == WeightStorage::q4_1) put(get<std::uint16_t>(block + 2), panel + places.least);
  const std::byte* levels = block + (storage == WeightStorage::q4_1 ? 4 : 2);
  std::byte* words = panel + places.words;
  if (storage == WeightStorage::q8_0) {
    for (std::size_t i = 0; i < 8; ++i)
      put(get<std::uint32_t>(levels + 4 * i) ^ 0x80808080U, words + i * kNext);
    return;
  }
  for (std::size_t half = 0; half < 2; ++half) {
    const auto bytes = get<std::uint64_t>(levels + 8 * half);
    put(join_halves(bytes), words + half * kNext);
    put(join_halves(bytes >> 4), words + (2 + half) * kNext);
  }
}

void get_weights(WeightStorage storage, std::size_t output, const std::byte* panel,
                 std::span<float> out) {
  const BlockPlaces places = places_of(storage, output);
  const std::size_t bits = 32 / places.levels;
  const auto scale = get<std::uint16_t>(panel + places.scale);
  const auto least =
      storage == WeightStorage::q4_1 ? get<std::uint16_t>(panel + places.least) : std::uint16_t{0};
  for (std::size_t k = 0; k < out.size(); ++k) {
    const auto word = get<std::uint32_t>(panel + places.words +
                                         k / places.levels * kPanel * sizeof(std::uint32_t));
    const auto level = (word >> (bits * (k % places.levels))) & ((1U << bits) - 1U);
    out[k] = weight_of(storage, scale, least, static_cast<std::uint8_t>(level));
  }
}

// Numbers that lie side by side in a row, to where they belong in a panel.
template <typename Number>
void spread(const std::byte* row, std::size_t count, std::size_t output, std::byte* panel) {
  for (std::size_t k = 0; k < count; ++k) {
    put(get<Number>(row + k * sizeof(Number)),
        panel + (k * kPanel + output % kPanel) * sizeof(Number));
  }
}

template <typename Number, typename Convert>
void gather(const std::byte* panel, std::size_t column, std::span<float> out,
            const Convert& convert) {
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k] = convert(get<Number>(panel + (k * kPanel + column) * sizeof(Number)));
  }
}

bool is_finite(std::uint16_t half) {
  return (half & 0x7c00U) != 0x7c00U;
}

}  // namespace

PackedWeights::PackedWeights(std::size_t outputs, std::size_t inputs, WeightStorage storage)
    : outputs_(outputs),
      inputs_(inputs),
      storage_(storage),
      panel_bytes_(kPanel * row_bytes(storage, inputs)),
      data_(panels() * panel_bytes_ / sizeof(float)) {}

PackedWeights::PackedWeights(std::span<const float> weights, std::size_t outputs,
                             std::size_t inputs, WeightStorage storage)
    : PackedWeights(outputs, inputs, storage) {
  std::vector<std::byte> row(row_bytes(storage, inputs));
  for (std::size_t output = 0; output < outputs; ++output) {
    store_row(storage, weights.subspan(output * inputs, inputs), row);
    put_row(output, row.data());
  }
}

PackedWeights PackedWeights::from_stored(std::span<const std::byte> rows, std::size_t outputs,
                                         std::size_t inputs, WeightStorage storage) {
  const std::size_t size = row_bytes(storage, inputs);
  const std::string shape = std::to_string(outputs) + " x " + std::to_string(inputs) + " in " +
                            std::string(storage_name(storage));
  if (inputs % block_size(storage) != 0) {
    throw Error(Fault::bad_data, "a matrix of " + shape +
                                     " has rows that are not whole blocks of " +
                                     std::to_string(block_size(storage)) +
                                     ": the file is damaged or of another format");
  }
  if (rows.size() != outputs * size) {
    throw Error(Fault::bad_data, "a matrix of " + shape + " takes " +
                                     std::to_string(outputs * size) + " bytes, not " +
                                     std::to_string(rows.size()) + ": the file is damaged");
  }
  PackedWeights packed(outputs, inputs, storage);
  for (std::size_t output = 0; output < outputs; ++output) {
    const std::byte* row = rows.data() + output * size;
    for (std::size_t k = 0; block_size(storage) > 1 && k < inputs; k += block_size(storage)) {
      const std::byte* block = row + k / block_size(storage) * block_bytes(storage);
      const bool has_least = storage == WeightStorage::q4_1;
      if (is_finite(get<std::uint16_t>(block)) &&
          (!has_least || is_finite(get<std::uint16_t>(block + 2))))
        continue;
      throw Error(Fault::bad_data, "a matrix of " + shape +
                                       " has a scale that is not finite, in row " +
                                       std::to_string(output) + ": the file is damaged");
    }
    packed.put_row(output, row);
  }
  return packed;
}

void PackedWeights::put_row(std::size_t output, const std::byte* row) {
  std::byte* target = reinterpret_cast<std::byte*>(data_.data()) + output / kPanel * panel_bytes_;
  if (storage_ == WeightStorage::float32) return spread<float>(row, inputs_, output, target);
  const std::size_t size = block_size(storage_);
  if (size == 1) return spread<std::uint16_t>(row, inputs_, output, target);
  for (std::size_t k = 0; k < inputs_; k += size) {
    put_block(storage_, row, output, target);
    row += block_bytes(storage_);
    target += kPanel * block_bytes(storage_);
  }
}

void PackedWeights::read_row(std::size_t output, std::span<float> out) const {
  const std::byte* source = panel(output / kPanel);
  const std::size_t column = output % kPanel;
  switch (storage_) {
    case WeightStorage::float32:
      return gather<float>(source, column, out, [](float weight) { return weight; });
    case WeightStorage::float16:
      return gather<std::uint16_t>(source, column, out, from_float16);
    case WeightStorage::bfloat16:
      return gather<std::uint16_t>(source, column, out, from_bfloat16);
    default:
      break;
  }
  const std::size_t size = block_size(storage_);
  for (std::size_t k = 0; k < inputs_; k += size) {
    get_weights(storage_, output, source, out.subspan(k, std::min(size, inputs_ - k)));
    source += kPanel * block_bytes(storage_);
  }
}

}  // namespace trellis::kernels

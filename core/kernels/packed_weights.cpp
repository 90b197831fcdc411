#include "core/kernels/packed_weights.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/kernels/half.hpp"
#include "core/kernels/quantized_block.hpp"

namespace trellis::kernels {
namespace {

constexpr std::size_t kPanel = PackedWeights::kPanel;

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

// The reverse of join_halves().
std::uint64_t part_halves(std::uint32_t word) {
  std::uint64_t bytes = word;
  bytes = (bytes | (bytes << 16)) & 0x0000ffff0000ffffU;
  bytes = (bytes | (bytes << 8)) & 0x00ff00ff00ff00ffU;
  return (bytes | (bytes << 4)) & 0x0f0f0f0f0f0f0f0fU;
}

// A group's levels, a byte each, to where the output's words begin in it.
void put_levels(const PackedBlock& packed, const std::uint8_t* levels, std::byte* high,
                std::byte* words) {
  std::uint32_t joined = 0;
  for (std::size_t w = 0; w < packed.words; ++w) {
    std::byte* word = words + w * PackedBlock::kWordRow;
    if (packed.word_inputs == 4) {
      std::memcpy(word, levels + 4 * w, sizeof(std::uint32_t));
      continue;
    }
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, levels + 8 * w, sizeof(bytes));
    put(join_halves(bytes), word);
    joined |= join_halves(bytes >> 4) << (packed.high_bits * w);
  }
  if (packed.high_words > 0) put(joined, high);
}

void get_levels(const PackedBlock& packed, const std::byte* high, const std::byte* words,
                std::uint8_t* levels) {
  const std::uint32_t mask = 0x11111111U * ((1U << packed.high_bits) - 1U);
  for (std::size_t w = 0; w < packed.words; ++w) {
    const std::byte* word = words + w * PackedBlock::kWordRow;
    if (packed.word_inputs == 4) {
      std::memcpy(levels + 4 * w, word, sizeof(std::uint32_t));
      continue;
    }
    std::uint64_t bytes = part_halves(get<std::uint32_t>(word));
    if (packed.high_words > 0) {
      const std::uint32_t above = get<std::uint32_t>(high) >> (packed.high_bits * w) & mask;
      bytes |= part_halves(above) << 4;
    }
    std::memcpy(levels + 8 * w, &bytes, sizeof(bytes));
  }
}

void put_block(const PackedBlock& packed, const QuantizedBlock& block, std::size_t column,
               std::byte* to) {
  constexpr std::size_t kHalves = kPanel * sizeof(std::uint16_t);
  put(block.scale, to + column * sizeof(block.scale));
  if (packed.head > kHalves) put(block.least, to + kHalves + column * sizeof(block.least));
  for (std::size_t g = 0; g < packed.groups; ++g) {
    std::byte* group = to + packed.head + g * packed.group_bytes();
    for (std::size_t f = 0; f < packed.factors; ++f)
      put(block.factors[f * packed.groups + g], group + f * kPanel + column);
    put_levels(packed, block.levels.data() + g * packed.group_inputs(),
               group + packed.high_at() + column * sizeof(std::uint32_t),
               group + packed.words_at() + column * sizeof(std::uint32_t));
  }
}

QuantizedBlock get_block(const PackedBlock& packed, const std::byte* from, std::size_t column) {
  constexpr std::size_t kHalves = kPanel * sizeof(std::uint16_t);
  QuantizedBlock block;
  block.scale = get<std::uint16_t>(from + column * sizeof(block.scale));
  if (packed.head > kHalves)
    block.least = get<std::uint16_t>(from + kHalves + column * sizeof(block.least));
  for (std::size_t g = 0; g < packed.groups; ++g) {
    const std::byte* group = from + packed.head + g * packed.group_bytes();
    for (std::size_t f = 0; f < packed.factors; ++f)
      block.factors[f * packed.groups + g] = get<std::uint8_t>(group + f * kPanel + column);
    get_levels(packed, group + packed.high_at() + column * sizeof(std::uint32_t),
               group + packed.words_at() + column * sizeof(std::uint32_t),
               block.levels.data() + g * packed.group_inputs());
  }
  return block;
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
      panel_bytes_(bytes_of_inputs(inputs)),
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
    if (packed.put_row(output, rows.data() + output * size)) continue;
    throw Error(Fault::bad_data, "a matrix of " + shape +
                                     " has a scale that is not finite, in row " +
                                     std::to_string(output) + ": the file is damaged");
  }
  return packed;
}

std::size_t PackedWeights::bytes_of_inputs(std::size_t inputs) const {
  const std::size_t size = block_size(storage_);
  if (size == 1) return kPanel * row_bytes(storage_, inputs);
  return (inputs + size - 1) / size * packed_block(storage_).bytes();
}

bool PackedWeights::put_row(std::size_t output, const std::byte* row) {
  std::byte* target = reinterpret_cast<std::byte*>(data_.data()) + output / kPanel * panel_bytes_;
  const BlockFormat format = block_format(storage_);
  if (storage_ == WeightStorage::float32) {
    spread<float>(row, inputs_, output, target);
    return true;
  }
  if (format.weights == 1) {
    spread<std::uint16_t>(row, inputs_, output, target);
    return true;
  }
  const PackedBlock packed = packed_block(storage_);
  QuantizedBlock block;
  for (std::size_t k = 0; k < inputs_; k += format.weights) {
    read_block(storage_, row, block);
    if (!is_finite(block.scale) || !is_finite(block.least)) return false;
    put_block(packed, block, output % kPanel, target);
    row += format.bytes;
    target += packed.bytes();
  }
  return true;
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
  const PackedBlock packed = packed_block(storage_);
  for (std::size_t k = 0; k < inputs_; k += packed.inputs) {
    weights_of(storage_, get_block(packed, source, column),
               out.subspan(k, std::min(packed.inputs, inputs_ - k)));
    source += packed.bytes();
  }
}

}  // namespace trellis::kernels

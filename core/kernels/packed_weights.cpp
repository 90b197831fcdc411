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

void put_block(WeightStorage storage, const QuantizedBlock& block, std::size_t output,
               std::byte* panel) {
  const BlockPlaces places = places_of(storage, output);
  const std::size_t bits = 32 / places.levels;
  put(block.scale, panel + places.scale);
  if (storage == WeightStorage::q4_1) put(block.least, panel + places.least);
  for (std::size_t k = 0; k < block.levels.size(); k += places.levels) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < places.levels; ++i) {
      word |= static_cast<std::uint32_t>(block.levels[k + i]) << (bits * i);
    }
    put(word, panel + places.words + k / places.levels * kPanel * sizeof(word));
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
      const QuantizedBlock block =
          read_block(storage, row + k / block_size(storage) * block_bytes(storage));
      if (is_finite(block.scale) && is_finite(block.least)) continue;
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
    put_block(storage_, read_block(storage_, row), output, target);
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

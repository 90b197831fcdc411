/// Weights of a linear layer, packed once, in as few bits as they are stored in.
///
/// Layout: panels of 32 outputs, so that a vector of outputs is loaded with one instruction in
/// targets of any width. The last panel is filled up with zeros. A panel holds
///   float32, float16, bfloat16   for each input the 32 weights side by side
///   block formats                block after block, each as PackedBlock says
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/kernels/large_array.hpp"
#include "core/kernels/quantization.hpp"

namespace trellis::kernels {

/// How a panel holds one block of each of its 32 outputs; offsets and sizes in bytes. Whatever
/// there is of an output, that of all outputs lies side by side.
///   head    the scales, then the least values if the format has any, as float16
///   groups  each: its factors, a byte each, s before l
///           high_words words of 32 bits: the bits of each level above the lowest four, those of
///           input 8 w + j from bit 4 j + high_bits w on
///           words: the lowest four bits of 8 inputs in each, or, of 8 bits, 4 inputs, the first
///           input in the lowest bits
struct PackedBlock {
  static constexpr std::size_t kOutputs = 32;
  static constexpr std::size_t kWordRow = kOutputs * sizeof(std::uint32_t);

  std::size_t inputs = 0;
  std::size_t groups = 0;
  std::size_t head = 0;
  std::size_t factors = 0;     ///< of a group
  std::size_t high_bits = 0;   ///< of a level
  std::size_t high_words = 0;  ///< of a group of an output
  std::size_t words = 0;       ///< likewise
  std::size_t word_inputs = 0;

  constexpr std::size_t group_inputs() const { return words * word_inputs; }
  constexpr std::size_t high_at() const { return factors * kOutputs; }
  constexpr std::size_t words_at() const { return high_at() + high_words * kWordRow; }
  constexpr std::size_t group_bytes() const { return words_at() + words * kWordRow; }
  constexpr std::size_t bytes() const { return head + groups * group_bytes(); }
};

/// Precondition: a block format.
constexpr PackedBlock packed_block(WeightStorage storage) {
  const BlockFormat format = block_format(storage);
  PackedBlock packed;
  packed.inputs = format.weights;
  packed.groups = format.groups;
  packed.head = (format.has_least ? 2 : 1) * PackedBlock::kOutputs * sizeof(std::uint16_t);
  packed.factors = static_cast<std::size_t>(format.factors);
  packed.word_inputs = format.level_bits == 8 ? 4 : 8;
  packed.words = format.group_weights() / packed.word_inputs;
  if (format.level_bits > 4 && format.level_bits < 8) {
    packed.high_bits = static_cast<std::size_t>(format.level_bits - 4);
    packed.high_words = 1;
  }
  return packed;
}

/// The weights of one layer. Immutable once made, so any number of threads may use them.
class PackedWeights {
 public:
  static constexpr std::size_t kPanel = PackedBlock::kOutputs;

  PackedWeights() = default;
  /// weights // [outputs, inputs], row-major; copied, and rounded as quantization.hpp says, which
  /// also tells what cannot be stored. Blocks lie along the inputs; any number of inputs will do.
  /// Precondition: one of kRoundedStorages.
  PackedWeights(std::span<const float> weights, std::size_t outputs, std::size_t inputs,
                WeightStorage storage = WeightStorage::float32);

  /// The bytes of one matrix as a GGUF file has them: [outputs] rows of row_bytes(storage, inputs).
  /// Nothing is rounded. Throws Error (bad_data) if their number is another, if inputs are no whole
  /// blocks or if a scale is not finite.
  static PackedWeights from_stored(std::span<const std::byte> rows, std::size_t outputs,
                                   std::size_t inputs, WeightStorage storage);

  std::size_t outputs() const { return outputs_; }
  std::size_t inputs() const { return inputs_; }
  WeightStorage storage() const { return storage_; }
  std::size_t panels() const { return (outputs_ + kPanel - 1) / kPanel; }
  std::size_t bytes() const { return panels() * panel_bytes_; }

  /// The weights of one output, as an embedding that is tied to a head needs them. out // [inputs]
  void read_row(std::size_t output, std::span<float> out) const;

  std::size_t panel_bytes() const { return panel_bytes_; }
  /// Of a panel, the bytes of so many inputs, the last block being whole.
  std::size_t bytes_of_inputs(std::size_t inputs) const;

  const std::byte* panel(std::size_t index) const {
    return reinterpret_cast<const std::byte*>(data_.data()) + index * panel_bytes_;
  }

 private:
  PackedWeights(std::size_t outputs, std::size_t inputs, WeightStorage storage);
  /// Whether its scales are finite; if not, nothing more can be done with these weights.
  bool put_row(std::size_t output, const std::byte* row);

  std::size_t outputs_ = 0;
  std::size_t inputs_ = 0;
  WeightStorage storage_ = WeightStorage::float32;
  std::size_t panel_bytes_ = 0;
  LargeArray data_;
};

}  // namespace trellis::kernels

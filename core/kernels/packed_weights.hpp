/// Weights of a linear layer, packed once, in as few bits as they are stored in.
///
/// Layout: panels of 32 outputs, so that a vector of outputs is loaded with one instruction in
/// targets of any width. The last panel is filled up with zeros. A panel holds
///   float32, float16, bfloat16   for each input the 32 weights side by side
///   q8_0, q4_0, q4_1             for each 32 inputs the 32 scales, of q4_1 the 32 least values,
///   then
///                                words of 32 bits: for each 4 (q8_0) or 8 inputs those of all
///                                outputs side by side, the first input in the lowest bits
#pragma once

#include <cstddef>
#include <span>

#include "core/kernels/large_array.hpp"
#include "core/kernels/quantization.hpp"

namespace trellis::kernels {

/// The weights of one layer. Immutable once made, so any number of threads may use them.
class PackedWeights {
 public:
  static constexpr std::size_t kPanel = 32;

  PackedWeights() = default;
  /// weights // [outputs, inputs], row-major; copied, and rounded as quantization.hpp says, which
  /// also tells what cannot be stored. Blocks lie along the inputs; any number of inputs will do.
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

  const std::byte* panel(std::size_t index) const {
    return reinterpret_cast<const std::byte*>(data_.data()) + index * panel_bytes_;
  }

 private:
  PackedWeights(std::size_t outputs, std::size_t inputs, WeightStorage storage);
  void put_row(std::size_t output, const std::byte* row);

  std::size_t outputs_ = 0;
  std::size_t inputs_ = 0;
  WeightStorage storage_ = WeightStorage::float32;
  std::size_t panel_bytes_ = 0;
  LargeArray data_;
};

}  // namespace trellis::kernels

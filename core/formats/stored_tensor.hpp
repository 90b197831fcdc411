/// Tensors as files hold them: bytes in one of many encodings, borrowed from a mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/kernels/quantization.hpp"

namespace trellis::formats {

/// How elements are encoded. The block formats (q...) are those of core/kernels.
enum class ElementType {
  float64,
  float32,
  float16,
  bfloat16,
  int64,
  int32,
  int16,
  int8,
  uint64,
  uint32,
  uint16,
  uint8,
  boolean,
  q8_0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q4_k,
  q5_k,
  q6_k
};

/// As files and messages call it: "F32", "Q4_0" ...
std::string_view type_name(ElementType type);
/// The type of this name.
std::optional<ElementType> type_from_name(std::string_view name);
/// Elements of a block; 1 where every element is by itself.
std::size_t block_size(ElementType type);
/// Bytes of a block.
std::size_t block_bytes(ElementType type);

/// The storage of core/kernels with the same bytes, if there is one.
std::optional<kernels::WeightStorage> same_storage(ElementType type);

struct StoredTensor {
  std::string name;
  ElementType type = ElementType::float32;
  std::vector<std::int64_t> shape;   ///< row-major: the last extent lies side by side
  std::span<const std::byte> bytes;  ///< little-endian, not aligned; as many as type and shape say
  /// Rows of a matrix that stand in another order than in a safetensors file of the same model:
  /// those of each of so many heads by neighbouring pairs instead of by halves; 0: they do not.
  std::int64_t paired_heads = 0;
  /// What was added to every value, as GGUF does to Gemma's norms.
  float added = 0;
};
using TensorMap = std::map<std::string, StoredTensor, std::less<>>;

/// Product of the extents. Of a tensor that was read it cannot overflow.
std::size_t element_count(std::span<const std::int64_t> shape);

/// The bytes that a tensor takes, or nothing if the shape is impossible: negative extents, more
/// bytes than can be counted, rows that are not whole blocks.
std::optional<std::uint64_t> stored_bytes(ElementType type, std::span<const std::int64_t> shape);

/// "[2, 3]"
std::string shape_text(std::span<const std::int64_t> shape);

/// Copies a tensor's values as float32; of float64 rounded, of all other types exact. Throws
/// Error(bad_data) for integers and booleans and when `out` has not as many elements as the shape
/// says. Rows keep the order of the file.
void copy_values(const StoredTensor& tensor, std::span<float> out);

/// Row `row` of a matrix, in the order of a safetensors file.
std::span<const std::byte> stored_row(const StoredTensor& tensor, std::int64_t row);

}  // namespace trellis::formats

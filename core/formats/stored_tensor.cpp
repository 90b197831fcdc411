#include "core/formats/stored_tensor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstring>

#include "core/error.hpp"

namespace trellis::formats {
namespace {

using kernels::WeightStorage;

struct TypeFacts {
  ElementType type;
  std::string_view name;
  std::size_t size;   // elements of a block
  std::size_t bytes;  // of a block
};

constexpr std::array kTypes = {
    TypeFacts{ElementType::float64, "F64", 1, 8},   TypeFacts{ElementType::float32, "F32", 1, 4},
    TypeFacts{ElementType::float16, "F16", 1, 2},   TypeFacts{ElementType::bfloat16, "BF16", 1, 2},
    TypeFacts{ElementType::int64, "I64", 1, 8},     TypeFacts{ElementType::int32, "I32", 1, 4},
    TypeFacts{ElementType::int16, "I16", 1, 2},     TypeFacts{ElementType::int8, "I8", 1, 1},
    TypeFacts{ElementType::uint64, "U64", 1, 8},    TypeFacts{ElementType::uint32, "U32", 1, 4},
    TypeFacts{ElementType::uint16, "U16", 1, 2},    TypeFacts{ElementType::uint8, "U8", 1, 1},
    TypeFacts{ElementType::boolean, "BOOL", 1, 1},  TypeFacts{ElementType::q8_0, "Q8_0", 32, 34},
    TypeFacts{ElementType::q4_0, "Q4_0", 32, 18},   TypeFacts{ElementType::q4_1, "Q4_1", 32, 20},
    TypeFacts{ElementType::q5_0, "Q5_0", 32, 22},   TypeFacts{ElementType::q5_1, "Q5_1", 32, 24},
    TypeFacts{ElementType::q4_k, "Q4_K", 256, 144}, TypeFacts{ElementType::q5_k, "Q5_K", 256, 176},
    TypeFacts{ElementType::q6_k, "Q6_K", 256, 210}};

const TypeFacts& facts_of(ElementType type) {
  return kTypes[static_cast<std::size_t>(type)];
}

void copy_float64(std::span<const std::byte> bytes, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    double value = 0;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    out[i] = static_cast<float>(value);
  }
}

}  // namespace

std::string_view type_name(ElementType type) {
  return facts_of(type).name;
}

std::optional<ElementType> type_from_name(std::string_view name) {
  for (const TypeFacts& facts : kTypes)
    if (facts.name == name) return facts.type;
  return std::nullopt;
}

std::size_t block_size(ElementType type) {
  return facts_of(type).size;
}

std::size_t block_bytes(ElementType type) {
  return facts_of(type).bytes;
}

std::optional<WeightStorage> same_storage(ElementType type) {
  switch (type) {
    case ElementType::float32:
      return WeightStorage::float32;
    case ElementType::float16:
      return WeightStorage::float16;
    case ElementType::bfloat16:
      return WeightStorage::bfloat16;
    case ElementType::q8_0:
      return WeightStorage::q8_0;
    case ElementType::q4_0:
      return WeightStorage::q4_0;
    case ElementType::q4_1:
      return WeightStorage::q4_1;
    case ElementType::q5_0:
      return WeightStorage::q5_0;
    case ElementType::q5_1:
      return WeightStorage::q5_1;
    case ElementType::q4_k:
      return WeightStorage::q4_k;
    case ElementType::q5_k:
      return WeightStorage::q5_k;
    case ElementType::q6_k:
      return WeightStorage::q6_k;
    default:
      return std::nullopt;
  }
}

std::size_t element_count(std::span<const std::int64_t> shape) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

std::optional<std::uint64_t> stored_bytes(ElementType type, std::span<const std::int64_t> shape) {
  const TypeFacts& facts = facts_of(type);
  const std::int64_t row = shape.empty() ? 1 : shape.back();
  if (row % static_cast<std::int64_t>(facts.size) != 0) return std::nullopt;
  std::uint64_t elements = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 ||
        __builtin_mul_overflow(elements, static_cast<std::uint64_t>(extent), &elements))
      return std::nullopt;
  }
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(elements / facts.size, facts.bytes, &bytes)) return std::nullopt;
  return bytes;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

void copy_values(const StoredTensor& tensor, std::span<float> out) {
  const std::size_t size = block_size(tensor.type);
  const std::size_t bytes = block_bytes(tensor.type);
  if (tensor.bytes.size() / bytes * size != out.size()) {
    throw Error(Fault::bad_data, "tensor \"" + tensor.name + "\" has the shape " +
                                     shape_text(tensor.shape) + ", another than expected");
  }
  if (out.empty()) return;
  if (const auto storage = same_storage(tensor.type)) {
    kernels::load_row(*storage, tensor.bytes, out);
  } else if (tensor.type == ElementType::float64) {
    copy_float64(tensor.bytes, out);
  } else {
    throw Error(Fault::bad_data, "tensor \"" + tensor.name + "\" has the type " +
                                     std::string(type_name(tensor.type)) +
                                     ", which holds no weights");
  }
}

std::span<const std::byte> stored_row(const StoredTensor& tensor, std::int64_t row) {
  const auto rows = tensor.shape.front();
  std::int64_t place = row;
  if (tensor.paired_heads > 0) {
    // Of a head, row i and row i + half stand at 2 i and 2 i + 1.
    const std::int64_t size = rows / tensor.paired_heads;
    const std::int64_t within = row % size;
    place = row - within + (within < size / 2 ? 2 * within : 2 * (within - size / 2) + 1);
  }
  const std::size_t bytes = tensor.bytes.size() / static_cast<std::size_t>(rows);
  return tensor.bytes.subspan(static_cast<std::size_t>(place) * bytes, bytes);
}

}  // namespace trellis::formats

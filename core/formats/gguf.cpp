#include "core/formats/gguf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/text/unicode.hpp"

namespace trellis::formats {
namespace {

using nlohmann::json;

constexpr std::uint32_t kDeepest = 3;      // arrays of arrays
constexpr std::uint32_t kMostExtents = 4;  // of a tensor
constexpr std::uint64_t kAlignment = 32;   // unless the file says otherwise
constexpr std::uint64_t kMostAlignment = 1U << 20U;

// The numbers that files have for types of values.
enum ValueType : std::uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64
};

// The least bytes that a value takes, by type.
constexpr std::array<std::uint64_t, 13> kLeastBytes = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};

struct TypeNumber {
  std::uint32_t number;
  ElementType type;
};
constexpr std::array kTypeNumbers = {
    TypeNumber{0, ElementType::float32},  TypeNumber{1, ElementType::float16},
    TypeNumber{2, ElementType::q4_0},     TypeNumber{3, ElementType::q4_1},
    TypeNumber{6, ElementType::q5_0},     TypeNumber{7, ElementType::q5_1},
    TypeNumber{8, ElementType::q8_0},     TypeNumber{12, ElementType::q4_k},
    TypeNumber{13, ElementType::q5_k},    TypeNumber{14, ElementType::q6_k},
    TypeNumber{30, ElementType::bfloat16}};

// Reads on through the bytes of a file, never beyond its end.
class Cursor {
 public:
  Cursor(const std::filesystem::path& path, std::span<const std::byte> bytes)
      : path_(path), bytes_(bytes) {}

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(Fault::bad_data,
                fmt::format("{}: not a whole GGUF file: {} (at byte {}); fetch it anew",
                            path_.string(), what, place_));
  }

  std::uint64_t left() const { return bytes_.size() - place_; }
  std::uint64_t place() const { return place_; }

  template <typename Number>
  Number number() {
    Number value{};
    const auto bytes = take(sizeof value, "a number");
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  // How many things of at least so many bytes follow.
  std::uint64_t count(std::uint64_t least_bytes, std::string_view of_what) {
    const auto value = number<std::uint64_t>();
    if (value > left() / least_bytes)
      refuse(fmt::format("it claims {} {}, in {} bytes", value, of_what, left()));
    return value;
  }

  void skip(std::uint64_t size) { take(size, "a value"); }

  std::string text() {
    const auto bytes = take(number<std::uint64_t>(), "a text");
    const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text::find_invalid_utf8(view)) refuse("a text of it is not UTF-8");
    return std::string(view);
  }

 private:
  std::span<const std::byte> take(std::uint64_t size, std::string_view what) {
    if (size > left()) refuse(fmt::format("{} of {} bytes ends behind it", what, size));
    const auto part = bytes_.subspan(place_, size);
    place_ += size;
    return part;
  }

  const std::filesystem::path& path_;
  std::span<const std::byte> bytes_;
  std::uint64_t place_ = 0;
};

struct ArrayHead {
  std::uint32_t type = 0;
  std::uint64_t count = 0;
};

ArrayHead read_array_head(Cursor& cursor, std::uint32_t depth) {
  const auto type = cursor.number<std::uint32_t>();
  if (type >= kLeastBytes.size()) cursor.refuse(fmt::format("a value has the type {}", type));
  if (depth == kDeepest) cursor.refuse("an array lies too deep in others");
  return {type, cursor.count(kLeastBytes[type], "entries of an array")};
}

json read_value(Cursor& cursor, std::uint32_t type, std::uint32_t depth);

json read_array(Cursor& cursor, std::uint32_t depth) {
  const auto [type, count] = read_array_head(cursor, depth);
  json array = json::array();
  array.get_ref<json::array_t&>().reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) array.push_back(read_value(cursor, type, depth + 1));
  return array;
}

json read_value(Cursor& cursor, std::uint32_t type, std::uint32_t depth) {
  switch (type) {
    case kUint8:
      return cursor.number<std::uint8_t>();
    case kInt8:
      return cursor.number<std::int8_t>();
    case kUint16:
      return cursor.number<std::uint16_t>();
    case kInt16:
      return cursor.number<std::int16_t>();
    case kUint32:
      return cursor.number<std::uint32_t>();
    case kInt32:
      return cursor.number<std::int32_t>();
    case kFloat32:
      return cursor.number<float>();
    case kBool:
      return cursor.number<std::uint8_t>() != 0;
    case kString:
      return cursor.text();
    case kArray:
      return read_array(cursor, depth);
    case kUint64:
      return cursor.number<std::uint64_t>();
    case kInt64:
      return cursor.number<std::int64_t>();
    case kFloat64:
      return cursor.number<double>();
    default:
      cursor.refuse(fmt::format("a value has the type {}", type));
  }
}

void skip_value(Cursor& cursor, std::uint32_t type, std::uint32_t depth) {
  if (type >= kLeastBytes.size()) cursor.refuse(fmt::format("a value has the type {}", type));
  if (type == kString) return cursor.skip(cursor.number<std::uint64_t>());
  if (type != kArray) return cursor.skip(kLeastBytes[type]);
  const auto [inner, count] = read_array_head(cursor, depth);
  if (inner != kString && inner != kArray) return cursor.skip(count * kLeastBytes[inner]);
  for (std::uint64_t i = 0; i < count; ++i) skip_value(cursor, inner, depth + 1);
}

ElementType read_type(const Cursor& cursor, const std::string& name, std::uint32_t number) {
  for (const TypeNumber& known : kTypeNumbers)
    if (known.number == number) return known.type;
  std::string names;
  for (const TypeNumber& known : kTypeNumbers)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", type_name(known.type));
  cursor.refuse(fmt::format("tensor \"{}\" is quantized by the unsupported type {}; supported: {}",
                            name, number, names));
}

struct PlacedTensor {
  StoredTensor tensor;
  std::uint64_t begin = 0;  // in the tensors' bytes
  std::uint64_t size = 0;
};

PlacedTensor read_description(Cursor& cursor) {
  PlacedTensor placed;
  StoredTensor& tensor = placed.tensor;
  tensor.name = cursor.text();
  const auto extents = cursor.number<std::uint32_t>();
  if (extents > kMostExtents)
    cursor.refuse(fmt::format("tensor \"{}\" has {} extents", tensor.name, extents));
  for (std::uint32_t i = 0; i < extents; ++i) {
    const auto extent = cursor.number<std::uint64_t>();
    if (extent > std::uint64_t{1} << 48U)
      cursor.refuse(fmt::format("tensor \"{}\" has an impossible shape", tensor.name));
    tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(extent));
  }
  tensor.type = read_type(cursor, tensor.name, cursor.number<std::uint32_t>());
  placed.begin = cursor.number<std::uint64_t>();
  const auto size = stored_bytes(tensor.type, tensor.shape);
  if (!size)
    cursor.refuse(fmt::format("tensor \"{}\" of {} cannot have the shape {}", tensor.name,
                              type_name(tensor.type), shape_text(tensor.shape)));
  placed.size = *size;
  return placed;
}

std::uint64_t alignment_of(const Cursor& cursor, const GgufFile& file) {
  const auto found = file.metadata.find("general.alignment");
  if (found == file.metadata.end()) return kAlignment;
  const bool whole = found->second.is_number_unsigned();
  const std::uint64_t alignment = whole ? found->second.get<std::uint64_t>() : 0;
  if (alignment == 0 || alignment > kMostAlignment || (alignment & (alignment - 1)) != 0)
    cursor.refuse("its alignment is no power of two");
  return alignment;
}

// Every tensor lies wholly in `data`, at a multiple of the alignment, and shares no byte.
void place(const Cursor& cursor, std::vector<PlacedTensor>& placed, std::uint64_t alignment,
           std::span<const std::byte> data) {
  std::ranges::sort(placed, {},
                    [](const PlacedTensor& one) { return std::pair(one.begin, one.size); });
  std::uint64_t end = 0;
  for (PlacedTensor& one : placed) {
    const std::string& name = one.tensor.name;
    if (one.begin % alignment != 0)
      cursor.refuse(fmt::format("tensor \"{}\" is not aligned to {} bytes", name, alignment));
    if (one.begin > data.size() || one.size > data.size() - one.begin)
      cursor.refuse(fmt::format("tensor \"{}\" needs {} bytes from byte {} of {}", name, one.size,
                                one.begin, data.size()));
    if (one.begin < end)
      cursor.refuse(fmt::format("tensor \"{}\" overlaps the one before it", name));
    end = one.begin + one.size;
    one.tensor.bytes = data.subspan(one.begin, one.size);
  }
}

struct Head {
  std::uint64_t tensors = 0;
  std::uint64_t values = 0;
};

Head read_head(Cursor& cursor, std::span<const std::byte> all) {
  if (cursor.left() < 24 || std::memcmp(all.data(), "GGUF", 4) != 0)
    cursor.refuse("it does not begin with \"GGUF\"");
  cursor.number<std::uint32_t>();
  const auto version = cursor.number<std::uint32_t>();
  if (version != 2 && version != 3)
    cursor.refuse(fmt::format("it has the version {}; 2 and 3 are known", version));
  Head head;
  head.tensors = cursor.count(24, "tensors");
  head.values = cursor.count(13, "values");
  return head;
}

}  // namespace

GgufFile read_gguf(const std::filesystem::path& path) {
  GgufFile file;
  file.file = std::make_shared<const MappedFile>(path);
  const auto all = file.file->bytes();
  Cursor cursor(path, all);
  const auto [tensors, values] = read_head(cursor, all);
  for (std::uint64_t i = 0; i < values; ++i) {
    std::string key = cursor.text();
    const auto type = cursor.number<std::uint32_t>();
    json value = read_value(cursor, type, 0);
    if (!file.metadata.emplace(key, std::move(value)).second)
      cursor.refuse(fmt::format("its key \"{}\" stands twice", key));
  }
  const std::uint64_t alignment = alignment_of(cursor, file);
  std::vector<PlacedTensor> placed;
  for (std::uint64_t i = 0; i < tensors; ++i) placed.push_back(read_description(cursor));
  const std::uint64_t begin = (cursor.place() + alignment - 1) / alignment * alignment;
  if (begin > all.size() && tensors > 0) cursor.refuse("its tensors' bytes are missing");
  place(cursor, placed, alignment, all.subspan(std::min<std::uint64_t>(begin, all.size())));
  for (PlacedTensor& one : placed) {
    std::string name = one.tensor.name;
    if (!file.tensors.emplace(name, std::move(one.tensor)).second)
      cursor.refuse(fmt::format("tensor \"{}\" stands twice", name));
  }
  return file;
}

GgufKind gguf_kind(const std::filesystem::path& path) {
  const MappedFile file(path);
  Cursor cursor(path, file.bytes());
  const Head head = read_head(cursor, file.bytes());
  GgufKind kind;
  for (std::uint64_t i = 0; i < head.values; ++i) {
    const std::string key = cursor.text();
    const auto type = cursor.number<std::uint32_t>();
    if (key == "general.architecture" && type == kString) {
      kind.architecture = cursor.text();
    } else if (key.ends_with(".expert_count") && type == kUint32) {
      kind.experts = cursor.number<std::uint32_t>();
    } else {
      skip_value(cursor, type, 0);
    }
  }
  if (kind.architecture.empty()) cursor.refuse("it does not say its architecture");
  return kind;
}

}  // namespace trellis::formats

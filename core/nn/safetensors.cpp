#include "core/nn/safetensors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace trellis::nn {
namespace {

constexpr std::size_t kPrefix = 8;                     // the header's size
constexpr std::uint64_t kLongestHeader = 100'000'000;  // the format's own limit

std::string hash_text(XXH64_hash_t hash) {
  return fmt::format("{:016x}", hash);
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(Fault::bad_data, path.string() + ": not a whole safetensors file: " + what +
                                   "; copy it anew, or delete it and train again");
}

std::vector<char> read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path))
    throw Error(Fault::missing,
                path.string() + ": cannot be opened: no such file or no permission");
  std::vector<char> contents(std::filesystem::file_size(path));
  file.read(contents.data(), static_cast<std::streamsize>(contents.size()));
  contents.resize(static_cast<std::size_t>(file.gcount()));
  return contents;
}

std::size_t element_size(const std::string& type) {
  static const std::map<std::string, std::size_t> sizes = {
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"U64", 8}, {"I32", 4},
      {"U32", 4}, {"I16", 2}, {"U16", 2}, {"I8", 1},   {"U8", 1},  {"BOOL", 1}};
  const auto found = sizes.find(type);
  return found == sizes.end() ? 0 : found->second;
}

StoredTensor read_entry(const std::filesystem::path& path, const std::string& name,
                        const nlohmann::json& entry, std::string_view data) {
  StoredTensor tensor;
  tensor.name = name;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  try {
    tensor.type = entry.at("dtype").get<std::string>();
    tensor.shape = entry.at("shape").get<std::vector<std::int64_t>>();
    begin = entry.at("data_offsets").at(0).get<std::uint64_t>();
    end = entry.at("data_offsets").at(1).get<std::uint64_t>();
  } catch (const nlohmann::json::exception&) {
    refuse(path, "tensor \"" + name + "\" has no valid dtype, shape and data_offsets");
  }
  std::uint64_t bytes = element_size(tensor.type);
  if (bytes == 0) refuse(path, "tensor \"" + name + "\" has the unknown type " + tensor.type);
  for (const std::int64_t extent : tensor.shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes))
      refuse(path, "tensor \"" + name + "\" has an impossible shape");
  }
  if (begin > end || end > data.size())
    refuse(path, fmt::format("tensor \"{}\" ends at byte {} of {}", name, end, data.size()));
  if (end - begin != bytes)
    refuse(path,
           fmt::format("tensor \"{}\" has {} bytes, its shape needs {}", name, end - begin, bytes));
  tensor.bytes = data.substr(begin, end - begin);
  return tensor;
}

float from_half(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16U;
  const std::uint32_t exponent = (bits >> 10U) & 0x1FU;
  const std::uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 255U : exponent + 112U;
  return std::bit_cast<float>(sign | (wide << 23U) | (fraction << 13U));
}

template <typename Stored, typename Convert>
void convert(std::string_view bytes, std::span<float> out, Convert to_float) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored value;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    out[i] = to_float(value);
  }
}

struct Descriptor {
  int number;
  explicit Descriptor(int opened) : number(opened) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

[[noreturn]] void cannot_write(const std::filesystem::path& path) {
  throw Error(Fault::environment, path.string() + ": cannot be written: " + std::strerror(errno));
}

void write_all(int file, std::string_view data, const std::filesystem::path& path) {
  while (!data.empty()) {
    const ssize_t written = ::write(file, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) cannot_write(path);
    data.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  SafetensorsFile file;
  file.contents = read_all(path);
  const std::string_view all(file.contents.data(), file.contents.size());
  if (all.size() < kPrefix) refuse(path, fmt::format("it has only {} bytes", all.size()));
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, all.data(), sizeof header_size);
  if (header_size > kLongestHeader || header_size > all.size() - kPrefix)
    refuse(path, fmt::format("its header claims {} bytes, the file has {}", header_size,
                             all.size() - kPrefix));
  const std::string_view text = all.substr(kPrefix, header_size);
  const std::string_view data = all.substr(kPrefix + header_size);
  const nlohmann::json header = nlohmann::json::parse(text, nullptr, false);
  if (!header.is_object()) refuse(path, "its header is not a JSON object");

  std::uint64_t covered = 0;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) refuse(path, "__metadata__ is not a JSON object");
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) refuse(path, "__metadata__ holds something else than text");
        file.metadata[key] = value.get<std::string>();
      }
      continue;
    }
    StoredTensor tensor = read_entry(path, name, entry, data);
    covered += tensor.bytes.size();
    file.tensors.emplace(name, std::move(tensor));
  }
  if (covered != data.size())
    refuse(path, fmt::format("its tensors cover {} of {} bytes", covered, data.size()));
  file.hash = hash_text(XXH3_64bits(data.data(), data.size()));
  return file;
}

void copy_values(const StoredTensor& tensor, std::span<float> out) {
  if (tensor.bytes.size() != out.size() * element_size(tensor.type))
    throw Error(Fault::bad_data, "tensor \"" + tensor.name + "\" has another size than expected");
  if (out.empty()) return;
  if (tensor.type == "F32") {
    std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
  } else if (tensor.type == "F64") {
    convert<double>(tensor.bytes, out, [](double value) { return static_cast<float>(value); });
  } else if (tensor.type == "F16") {
    convert<std::uint16_t>(tensor.bytes, out, from_half);
  } else if (tensor.type == "BF16") {
    convert<std::uint16_t>(tensor.bytes, out, [](std::uint16_t bits) {
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
    });
  } else {
    throw Error(Fault::bad_data,
                "tensor \"" + tensor.name + "\" has type " + tensor.type + ", not a float type");
  }
}

std::string write_safetensors(const std::filesystem::path& path,
                              std::span<const TensorToWrite> tensors,
                              const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    const std::uint64_t end = offset + tensor.values.size_bytes();
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((kPrefix - text.size() % kPrefix) % kPrefix, ' ');  // keeps the tensors aligned
  const std::uint64_t header_size = text.size();
  std::string prefix(kPrefix, '\0');
  std::memcpy(prefix.data(), &header_size, sizeof header_size);

  std::vector<std::string_view> pieces = {prefix, text};
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  XXH3_64bits_reset(state.get());
  for (const TensorToWrite& tensor : tensors) {
    pieces.emplace_back(reinterpret_cast<const char*>(tensor.values.data()),
                        tensor.values.size_bytes());
    XXH3_64bits_update(state.get(), tensor.values.data(), tensor.values.size_bytes());
  }
  write_atomically(path, pieces);
  return hash_text(XXH3_64bits_digest(state.get()));
}

void write_atomically(const std::filesystem::path& path, std::span<const std::string_view> pieces) {
  std::filesystem::path temporary = path;
  temporary += ".new";
  try {
    const Descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.number < 0) cannot_write(temporary);
    for (const std::string_view piece : pieces) write_all(file.number, piece, temporary);
    if (::fsync(file.number) != 0) cannot_write(temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) cannot_write(path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  // The rename itself must reach the disk too; a folder that cannot be synced is no failure.
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const Descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.number >= 0) ::fsync(folder.number);
}

}  // namespace trellis::nn

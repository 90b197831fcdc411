#include "core/formats/safetensors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.hpp"
#include "core/formats/file_descriptor.hpp"
#include "core/formats/streamed_hash.hpp"

namespace trellis::formats {
namespace {

constexpr std::size_t kPrefix = 8;                     // the header's size
constexpr std::uint64_t kLongestHeader = 100'000'000;  // the format's own limit

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(Fault::bad_data, path.string() + ": not a whole safetensors file: " + what +
                                   "; copy it anew, or delete it and train again");
}

struct TensorEntry {
  StoredTensor tensor;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

TensorEntry read_entry(const std::filesystem::path& path, const std::string& name,
                       const nlohmann::json& entry, std::span<const std::byte> data) {
  TensorEntry placed;
  StoredTensor& tensor = placed.tensor;
  tensor.name = name;
  std::string type;
  try {
    type = entry.at("dtype").get<std::string>();
    tensor.shape = entry.at("shape").get<std::vector<std::int64_t>>();
    placed.begin = entry.at("data_offsets").at(0).get<std::uint64_t>();
    placed.end = entry.at("data_offsets").at(1).get<std::uint64_t>();
  } catch (const nlohmann::json::exception&) {
    refuse(path, "tensor \"" + name + "\" has no valid dtype, shape and data_offsets");
  }
  const auto known = type_from_name(type);
  if (!known || block_size(*known) > 1)
    refuse(path, "tensor \"" + name + "\" has the unknown type " + type);
  tensor.type = *known;
  const auto bytes = stored_bytes(tensor.type, tensor.shape);
  if (!bytes) refuse(path, "tensor \"" + name + "\" has an impossible shape");
  if (placed.begin > placed.end || placed.end > data.size())
    refuse(path, fmt::format("tensor \"{}\" ends at byte {} of {}", name, placed.end, data.size()));
  if (placed.end - placed.begin != *bytes)
    refuse(path, fmt::format("tensor \"{}\" has {} bytes, its shape needs {}", name,
                             placed.end - placed.begin, *bytes));
  tensor.bytes = data.subspan(placed.begin, placed.end - placed.begin);
  return placed;
}

void read_metadata(const std::filesystem::path& path, const nlohmann::json& entry,
                   std::map<std::string, std::string>& metadata) {
  if (!entry.is_object()) refuse(path, "__metadata__ is not a JSON object");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) refuse(path, "__metadata__ holds something else than text");
    metadata[key] = value.get<std::string>();
  }
}

// The tensors must cover all bytes, each byte once.
void check_places(const std::filesystem::path& path, std::vector<TensorEntry>& placed,
                  std::uint64_t size) {
  std::ranges::sort(placed, {},
                    [](const TensorEntry& one) { return std::pair(one.begin, one.end); });
  std::uint64_t covered = 0;
  for (const TensorEntry& one : placed) {
    if (one.begin != covered)
      refuse(path, fmt::format("tensor \"{}\" begins at byte {}, the one before it ends at {}",
                               one.tensor.name, one.begin, covered));
    covered = one.end;
  }
  if (covered != size) refuse(path, fmt::format("its tensors cover {} of {} bytes", covered, size));
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

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
  file.file = std::make_shared<const MappedFile>(path);
  const std::span<const std::byte> all = file.file->bytes();
  if (all.size() < kPrefix) refuse(path, fmt::format("it has only {} bytes", all.size()));
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, all.data(), sizeof header_size);
  if (header_size > kLongestHeader || header_size > all.size() - kPrefix)
    refuse(path, fmt::format("its header claims {} bytes, the file has {}", header_size,
                             all.size() - kPrefix));
  file.data = all.subspan(kPrefix + header_size);
  const nlohmann::json header =
      nlohmann::json::parse(text_of(all.subspan(kPrefix, header_size)), nullptr, false);
  if (!header.is_object()) refuse(path, "its header is not a JSON object");
  std::vector<TensorEntry> placed;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      read_metadata(path, entry, file.metadata);
    } else {
      placed.push_back(read_entry(path, name, entry, file.data));
    }
  }
  check_places(path, placed, file.data.size());
  for (TensorEntry& one : placed) {
    std::string name = one.tensor.name;
    file.tensors.emplace(std::move(name), std::move(one.tensor));
  }
  return file;
}

std::string tensor_hash(const SafetensorsFile& file) {
  StreamedHash hash;
  hash.add(file.data.data(), file.data.size());
  return hash.text();
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
  StreamedHash hash;
  for (const TensorToWrite& tensor : tensors) {
    pieces.emplace_back(reinterpret_cast<const char*>(tensor.values.data()),
                        tensor.values.size_bytes());
    hash.add(tensor.values.data(), tensor.values.size_bytes());
  }
  write_atomically(path, pieces);
  return hash.text();
}

void write_atomically(const std::filesystem::path& path, std::span<const std::string_view> pieces) {
  std::filesystem::path temporary = path;
  temporary += ".new";
  try {
    const FileDescriptor file(
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
  const FileDescriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.number >= 0) ::fsync(folder.number);
}

}  // namespace trellis::formats

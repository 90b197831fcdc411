/// GGUF files for tests, written value by value.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::tests {

class GgufWriter {
 public:
  explicit GgufWriter(std::string_view architecture) { text("general.architecture", architecture); }

  void text(std::string_view key, std::string_view value) {
    begin(key, 8);
    put_text(values_, value);
  }
  void number(std::string_view key, std::uint32_t value) {
    begin(key, 4);
    put(values_, value);
  }
  void real(std::string_view key, float value) {
    begin(key, 6);
    put(values_, value);
  }
  void texts(std::string_view key, std::span<const std::string> entries) {
    begin(key, 9);
    put(values_, std::uint32_t{8});
    put(values_, static_cast<std::uint64_t>(entries.size()));
    for (const auto& entry : entries) put_text(values_, entry);
  }
  void numbers(std::string_view key, std::span<const std::int32_t> entries) {
    begin(key, 9);
    put(values_, std::uint32_t{5});
    put(values_, static_cast<std::uint64_t>(entries.size()));
    for (const auto entry : entries) put(values_, entry);
  }
  void reals(std::string_view key, std::span<const float> entries) {
    begin(key, 9);
    put(values_, std::uint32_t{6});
    put(values_, static_cast<std::uint64_t>(entries.size()));
    for (const auto entry : entries) put(values_, entry);
  }
  void flag(std::string_view key, bool value) {
    begin(key, 7);
    put(values_, static_cast<std::uint8_t>(value));
  }
  /// `shape` row-major; `type` as files number it.
  void tensor(std::string_view name, std::vector<std::uint64_t> shape, std::uint32_t type,
              std::string_view bytes) {
    put_text(descriptions_, name);
    put(descriptions_, static_cast<std::uint32_t>(shape.size()));
    for (auto extent = shape.rbegin(); extent != shape.rend(); ++extent)
      put(descriptions_, *extent);
    put(descriptions_, type);
    put(descriptions_, static_cast<std::uint64_t>(data_.size()));
    data_ += bytes;
    data_.resize((data_.size() + 31) / 32 * 32);
    ++tensor_count_;
  }

  std::string bytes() const {
    std::string all = "GGUF";
    put(all, std::uint32_t{3});
    put(all, tensor_count_);
    put(all, value_count_);
    all += values_ + descriptions_;
    all.resize((all.size() + 31) / 32 * 32);
    return all + data_;
  }

 private:
  template <typename Number>
  static void put(std::string& to, Number number) {
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    to.append(bytes, sizeof number);
  }
  static void put_text(std::string& to, std::string_view value) {
    put(to, static_cast<std::uint64_t>(value.size()));
    to += value;
  }
  void begin(std::string_view key, std::uint32_t type) {
    put_text(values_, key);
    put(values_, type);
    ++value_count_;
  }

  std::string values_;
  std::string descriptions_;
  std::string data_;
  std::uint64_t value_count_ = 0;
  std::uint64_t tensor_count_ = 0;
};

}  // namespace trellis::tests

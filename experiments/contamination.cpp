#include "experiments/contamination.hpp"

#include "core/text/unicode.hpp"

namespace trellis::experiments {
namespace {

constexpr std::size_t kOpening = 64;  // bytes; a shorter text is found as a whole pair only

// A hash of kOpening bytes that moves on by one byte in constant time (Karp and Rabin 1987).
class OpeningHash {
 public:
  static constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15U;

  explicit OpeningHash(std::string_view text) {
    for (std::size_t i = 0; i < kOpening; ++i) value_ = value_ * kBase + byte(text[i]);
    for (std::size_t i = 1; i < kOpening; ++i) first_ *= kBase;
  }
  void move(char leaving, char entering) {
    value_ = (value_ - byte(leaving) * first_) * kBase + byte(entering);
  }
  std::uint64_t value() const { return value_; }

 private:
  static std::uint64_t byte(char c) { return static_cast<unsigned char>(c) + 1U; }

  std::uint64_t value_ = 0;
  std::uint64_t first_ = 1;  // the weight of the leaving byte
};

std::string pair_key(std::string_view source, std::string_view target) {
  std::string key(source);
  key += '\0';
  key += target;
  return key;
}

}  // namespace

void TestTexts::add(std::string id, std::string_view source, std::string_view target) {
  source = text::strip(source);
  target = text::strip(target);
  pairs_.emplace(pair_key(source, target), texts_.size());
  if (source.empty() && target.size() >= kOpening) {
    openings_.emplace(OpeningHash(target).value(), texts_.size());
  }
  texts_.push_back({std::move(id), std::string(target)});
}

void TestTexts::compare(std::string_view source, std::string_view target) {
  source = text::strip(source);
  target = text::strip(target);
  const auto [begin, end] = pairs_.equal_range(pair_key(source, target));
  for (auto pair = begin; pair != end; ++pair) texts_[pair->second].seen = true;
  if (source.empty()) look_inside(target);
}

void TestTexts::look_inside(std::string_view text) {
  if (openings_.empty() || text.size() < kOpening) return;
  OpeningHash hash(text);
  for (std::size_t place = 0;; ++place) {
    const auto [begin, end] = openings_.equal_range(hash.value());
    for (auto opening = begin; opening != end; ++opening) {
      auto& candidate = texts_[opening->second];
      if (text.substr(place).starts_with(candidate.target)) candidate.seen = true;
    }
    if (place + kOpening >= text.size()) return;
    hash.move(text[place], text[place + kOpening]);
  }
}

std::vector<std::string> TestTexts::seen() const {
  std::vector<std::string> ids;
  for (const auto& text : texts_) {
    if (text.seen) ids.push_back(text.id);
  }
  return ids;
}

}  // namespace trellis::experiments

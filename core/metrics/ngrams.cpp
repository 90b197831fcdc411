#include "core/metrics/ngrams.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <utility>

namespace trellis::metrics {
namespace {

constexpr std::uint32_t kNone = ~0U;

/// Numbers n-grams by what they are made of: the number of the n-gram without
/// its last token, and that token. So an n-gram of any length is one lookup in
/// an open hash table.
class NgramNumbers {
 public:
  explicit NgramNumbers(std::size_t most)
      : slots_(std::bit_ceil(2 * most + 2)), shift_(64 - std::bit_width(slots_.size() - 1)) {}

  /// Begins the next order: all numbers are free again.
  void next_order() {
    ++order_;
    count_ = 0;
  }
  std::uint32_t number(std::uint32_t beginning, char32_t token) {
    auto& slot = find(beginning, token);
    if (slot.order != order_) slot = {key_of(beginning, token), count_++, order_};
    return slot.number;
  }
  /// kNone where it has no number.
  std::uint32_t known(std::uint32_t beginning, char32_t token) {
    const auto& slot = find(beginning, token);
    return slot.order == order_ ? slot.number : kNone;
  }
  std::uint32_t count() const { return count_; }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t number = 0;
    std::uint32_t order = 0;  // of another order: free
  };
  static std::uint64_t key_of(std::uint32_t beginning, char32_t token) {
    return (static_cast<std::uint64_t>(beginning) << 32U) | token;
  }
  Slot& find(std::uint32_t beginning, char32_t token) {
    const auto key = key_of(beginning, token);
    auto place = static_cast<std::size_t>((key * 0x9E3779B97F4A7C15U) >> shift_);
    while (slots_[place].order == order_ && slots_[place].key != key) {
      place = (place + 1) & (slots_.size() - 1);
    }
    return slots_[place];
  }

  std::vector<Slot> slots_;
  int shift_;
  std::uint32_t order_ = 0;
  std::uint32_t count_ = 0;
};

/// A sequence, and the number of the n-gram that begins at each place.
struct Numbered {
  explicit Numbered(std::u32string_view sequence) : tokens(sequence), numbers(sequence.size(), 0) {}
  std::u32string_view tokens;
  std::vector<std::uint32_t> numbers;
};

/// The most that one reference has of each n-gram, by its number.
std::vector<std::uint32_t> count_in_references(std::vector<Numbered>& references, std::size_t n,
                                               NgramNumbers& numbers) {
  std::vector<std::uint32_t> most;
  std::vector<std::uint32_t> counts;
  for (auto& [tokens, known] : references) {
    const std::size_t total = ngram_total(tokens.size(), n);
    for (std::size_t i = 0; i < total; ++i) {
      known[i] = numbers.number(known[i], tokens[i + n - 1]);
      if (known[i] >= counts.size()) counts.resize(numbers.count() + total, 0);
      ++counts[known[i]];
    }
    most.resize(counts.size(), 0);
    for (std::size_t i = 0; i < total; ++i) {
      most[known[i]] = std::max(most[known[i]], counts[known[i]]);
    }
    for (std::size_t i = 0; i < total; ++i) counts[known[i]] = 0;
  }
  return most;
}

}  // namespace

NgramCounts count_ngrams(std::u32string_view sequence, std::size_t n) {
  NgramCounts counts;
  const std::size_t total = ngram_total(sequence.size(), n);
  counts.reserve(total);
  for (std::size_t i = 0; i < total; ++i) ++counts[std::u32string(sequence.substr(i, n))];
  return counts;
}

std::size_t common_ngrams(const NgramCounts& a, const NgramCounts& b) {
  std::size_t common = 0;
  for (const auto& [ngram, count] : a) {
    const auto found = b.find(ngram);
    if (found != b.end()) common += std::min(count, found->second);
  }
  return common;
}

std::vector<std::size_t> clipped_matches(std::u32string_view output,
                                         std::span<const std::u32string> references,
                                         std::size_t max_order) {
  std::vector<Numbered> numbered(references.begin(), references.end());
  std::size_t most = 0;
  for (const auto& reference : references) most += reference.size();
  NgramNumbers numbers(most);
  Numbered ours(output);
  std::vector<std::size_t> matches(max_order, 0);
  for (std::size_t n = 1; n <= max_order; ++n) {
    numbers.next_order();
    auto left = count_in_references(numbered, n, numbers);
    for (std::size_t i = 0; i < ngram_total(output.size(), n); ++i) {
      auto& number = ours.numbers[i];
      if (number == kNone) continue;  // what it begins with is in no reference
      number = numbers.known(number, output[i + n - 1]);
      if (number == kNone || left[number] == 0) continue;
      --left[number];
      ++matches[n - 1];
    }
    if (matches[n - 1] == 0) break;  // longer ones neither
  }
  return matches;
}

TokenNumbers::Slot& TokenNumbers::find(std::string_view token) {
  auto place = std::hash<std::string_view>()(token) & (slots_.size() - 1);
  while (slots_[place].following != 0 && slots_[place].token != token) {
    place = (place + 1) & (slots_.size() - 1);
  }
  return slots_[place];
}

void TokenNumbers::make_room(std::size_t tokens) {
  if (2 * (count_ + tokens) <= slots_.size()) return;
  const auto before = std::exchange(slots_, {});
  slots_.resize(std::bit_ceil(2 * (count_ + tokens)));
  for (const auto& slot : before) {
    if (slot.following != 0) find(slot.token) = slot;
  }
}

std::u32string TokenNumbers::of(std::span<const std::string_view> tokens) {
  make_room(tokens.size());
  std::u32string numbers;
  numbers.reserve(tokens.size());
  for (const auto token : tokens) {
    auto& slot = find(token);
    if (slot.following == 0) slot = {token, ++count_};
    numbers.push_back(slot.following - 1);
  }
  return numbers;
}

std::u32string TokenNumbers::of(std::span<const std::string> tokens) {
  const std::vector<std::string_view> views(tokens.begin(), tokens.end());
  return of(views);
}

}  // namespace trellis::metrics

/// Counting n-grams of numbered tokens or of code points.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace trellis::metrics {

using NgramCounts = std::unordered_map<std::u32string, std::size_t>;

/// Counts of the n-grams of `sequence`; none when it is shorter than `n`. `n`
/// is at least 1.
NgramCounts count_ngrams(std::u32string_view sequence, std::size_t n);

/// How many n-grams a sequence of `length` tokens has.
constexpr std::size_t ngram_total(std::size_t length, std::size_t n) {
  return length < n ? 0 : length - n + 1;
}

/// Sum of the smaller counts: the n-grams that both have.
std::size_t common_ngrams(const NgramCounts& a, const NgramCounts& b);

/// How many n-grams of each order 1 .. `max_order` the output has in common
/// with the references, each counted at most as often as the one reference has
/// it that has it most. The same as common_ngrams of counts, many times faster:
/// [max_order].
std::vector<std::size_t> clipped_matches(std::u32string_view output,
                                         std::span<const std::u32string> references,
                                         std::size_t max_order);

/// Gives each distinct token a number, so that n-grams of tokens are short
/// strings of numbers. Keeps views only: the tokens must outlive it.
class TokenNumbers {
 public:
  std::u32string of(std::span<const std::string_view> tokens);
  std::u32string of(std::span<const std::string> tokens);

 private:
  // An open hash table: texts are short, and a node for each of their tokens would cost more than
  // all else.
  struct Slot {
    std::string_view token;
    char32_t following = 0;  // its number and one; 0: free
  };
  Slot& find(std::string_view token);
  void make_room(std::size_t tokens);

  std::vector<Slot> slots_;  // a power of two
  char32_t count_ = 0;
};

}  // namespace trellis::metrics

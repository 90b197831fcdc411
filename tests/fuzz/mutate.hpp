/// Mutation fuzzing in miniature: every input is made from a good one by a few random changes. A
/// seed gives the same inputs on every machine, so that a failure comes back when it is run again.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trellis/sdk/failure.hpp"

namespace trellis::fuzz {

class Mutator {
 public:
  /// `corpus`: good inputs, none empty. `words`: what the format is made of, put in here and there.
  Mutator(std::uint64_t seed, std::vector<std::string> corpus, std::vector<std::string> words)
      : random_(seed), corpus_(std::move(corpus)), words_(std::move(words)) {}

  std::string next() {
    auto input = pick(corpus_);
    for (auto changes = 1 + below(4); changes > 0; --changes) change(input);
    return input;
  }

 private:
  // The standard's distributions may differ between libraries, its generators may not.
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  template <typename Values>
  const typename Values::value_type& pick(const Values& values) {
    return values[below(values.size())];
  }

  // A range of at most `longest` bytes, mostly a short one.
  std::pair<std::size_t, std::size_t> range_of(const std::string& input, std::size_t longest) {
    const auto begin = below(input.size() + 1);
    const auto most = std::min(input.size() - begin, below(3) == 0 ? longest : longest / 16 + 1);
    return {begin, below(most + 1)};
  }

  void change(std::string& input) {
    const auto [begin, size] = range_of(input, 1024);
    switch (below(9)) {
      case 0:
        if (!input.empty()) input[below(input.size())] ^= static_cast<char>(1U << below(8));
        break;
      case 1:
        if (!input.empty()) input[below(input.size())] = static_cast<char>(random_());
        break;
      case 2:
        input.erase(begin, size);
        break;
      case 3:
        input.insert(below(input.size() + 1), input.substr(begin, size));
        break;
      case 4:
        input.resize(begin);
        break;
      case 5:
        if (!words_.empty()) input.insert(begin, pick(words_));
        break;
      case 6:
        if (!words_.empty()) input.replace(begin, size, pick(words_));
        break;
      case 7:
        replace_number(input, begin);
        break;
      default: {
        const auto& other = pick(corpus_);
        const auto [from, length] = range_of(other, 1024);
        input.replace(begin, size, other, from, length);
      }
    }
  }

  // The next run of digits becomes another number; without one, eight bytes become an integer.
  void replace_number(std::string& input, std::size_t begin) {
    static constexpr std::array kNumbers = {"0",           "-1",
                                            "1e999",       "2147483648",
                                            "-2147483649", "18446744073709551615",
                                            "0.1",         "9223372036854775808"};
    static constexpr std::array<std::uint64_t, 6> kIntegers = {
        0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF};
    constexpr std::string_view kDigits = "0123456789";
    const auto digit = input.find_first_of(kDigits, begin);
    if (digit != std::string::npos && below(2) == 0) {
      const auto end = std::min(input.find_first_not_of(kDigits, digit), input.size());
      input.replace(digit, end - digit, pick(kNumbers));
      return;
    }
    const auto integer = pick(kIntegers);
    for (std::size_t i = 0; i < 8 && begin + i < input.size(); ++i) {
      input[begin + i] = static_cast<char>(integer >> (8 * i));
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> corpus_;
  std::vector<std::string> words_;
};

/// As a new file: to write over the old one would make the file system flush it to the disk.
inline void replace_file(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

/// For messages.
inline std::string printable(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes.substr(0, 2000)) {
    if (byte >= 0x20 && byte < 0x7F) {
      text += byte;
    } else {
      constexpr std::string_view kHexadecimal = "0123456789ABCDEF";
      const auto number = static_cast<unsigned char>(byte);
      text += {'\\', 'x', kHexadecimal[number >> 4U], kHexadecimal[number & 15U]};
    }
  }
  return text;
}

/// A message that a person can be shown: one line, not empty, of sane length.
inline bool is_one_line(std::string_view message) {
  return !message.empty() && message.size() < 4000 && message.find('\n') == std::string_view::npos;
}

/// Calls `use(input)` for `rounds` mutated inputs: it must succeed, or throw a Failure whose
/// message `is_fine` accepts. Crashes, hangs and everything else that goes wrong fail the test by
/// themselves, above all under a sanitizer. Returns how many inputs were accepted.
template <typename Use>
int fuzz(Mutator mutator, int rounds, Use&& use,
         bool (*is_fine)(std::string_view message) = is_one_line) {
  int accepted = 0;
  for (int round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    const auto input = mutator.next();
    try {
      use(input);
      ++accepted;
    } catch (const sdk::Failure& failure) {
      EXPECT_TRUE(is_fine(failure.what()))
          << "round " << round << ": " << failure.what() << "\nof: " << printable(input);
    } catch (const std::exception& exception) {
      ADD_FAILURE() << "round " << round << " threw " << exception.what()
                    << "\nof: " << printable(input);
    }
  }
  return accepted;
}

}  // namespace trellis::fuzz

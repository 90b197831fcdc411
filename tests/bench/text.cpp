#include "tests/bench/text.hpp"

#include <array>
#include <cmath>
#include <random>
#include <string_view>

namespace trellis::bench {
namespace {

constexpr std::size_t kWords = 50'000;

// Standard distributions differ between libraries; the engine does not.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  double unit() { return static_cast<double>(engine_() >> 11U) * 0x1p-53; }
  std::size_t below(std::size_t limit) {
    return static_cast<std::size_t>(unit() * static_cast<double>(limit));
  }

 private:
  std::mt19937_64 engine_;
};

std::string make_word(Dice& dice, std::size_t rank) {
  static constexpr std::array<std::string_view, 24> onsets = {
      "b", "d", "f", "g", "h",  "k",  "l",  "m",  "n",   "p",  "r",  "s",
      "t", "v", "w", "z", "br", "ch", "gr", "pl", "sch", "st", "th", "tr"};
  static constexpr std::array<std::string_view, 10> vowels = {"a",  "e",  "i",  "o", "u",
                                                              "ei", "au", "ie", "ä", "ü"};
  static constexpr std::array<std::string_view, 8> codas = {"", "", "n", "r", "s", "t", "ng", "l"};
  std::string word;
  // The hundred most frequent words have one syllable, the rarest four.
  const auto syllables = 1 + static_cast<std::size_t>(std::log10(1 + rank / 100.0) + dice.unit());
  for (std::size_t i = 0; i < syllables; ++i) {
    word += onsets[dice.below(onsets.size())];
    word += vowels[dice.below(vowels.size())];
    word += codas[dice.below(codas.size())];
  }
  if (dice.below(10) == 0 && word[0] >= 'a' && word[0] <= 'z') word[0] -= 'a' - 'A';
  return word;
}

}  // namespace

std::vector<std::string> sentences(std::size_t bytes, std::uint64_t seed) {
  Dice words(1);  // the same words for every seed
  std::vector<std::string> lexicon;
  for (std::size_t rank = 0; rank < kWords; ++rank) lexicon.push_back(make_word(words, rank));
  Dice dice(seed);
  std::vector<std::string> all;
  for (std::size_t written = 0; written < bytes; written += all.back().size()) {
    std::string sentence;
    for (std::size_t left = 5 + dice.below(21); left > 0; --left) {
      // A power of the number of words, uniform in the exponent: frequency falls as 1 / rank.
      const double rank = std::pow(static_cast<double>(kWords), dice.unit()) - 1;
      if (!sentence.empty()) sentence += ' ';
      sentence += lexicon[static_cast<std::size_t>(rank)];
      if (left > 1 && dice.below(12) == 0) sentence += ',';
    }
    all.push_back(sentence + '.');
  }
  return all;
}

}  // namespace trellis::bench

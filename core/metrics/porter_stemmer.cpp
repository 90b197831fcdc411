#include "core/metrics/porter_stemmer.hpp"

#include <array>
#include <initializer_list>
#include <utility>

namespace trellis::metrics {
namespace {

bool is_vowel(char c) {
  return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
}

/// A "y" is a consonant at the start and behind a vowel; so in a row of them every other one is.
bool is_consonant(std::string_view word, std::size_t index) {
  if (is_vowel(word[index])) return false;
  bool negated = false;
  while (word[index] == 'y' && index > 0) {
    --index;
    negated = !negated;
  }
  return is_vowel(word[index]) == negated;
}

/// Porter's m: how often a consonant follows a vowel.
int measure(std::string_view stem) {
  int count = 0;
  for (std::size_t i = 1; i < stem.size(); ++i) {
    if (is_consonant(stem, i) && !is_consonant(stem, i - 1)) ++count;
  }
  return count;
}

bool has_vowel(std::string_view stem) {
  for (std::size_t i = 0; i < stem.size(); ++i) {
    if (!is_consonant(stem, i)) return true;
  }
  return false;
}

bool ends_in_double_consonant(std::string_view word) {
  const auto size = word.size();
  return size >= 2 && word[size - 1] == word[size - 2] && is_consonant(word, size - 1);
}

/// Consonant, vowel, consonant other than w, x, y; NLTK adds the two-letter words like "at".
bool ends_in_short_syllable(std::string_view word) {
  const auto size = word.size();
  if (size == 2) return !is_consonant(word, 0) && is_consonant(word, 1);
  if (size < 3) return false;
  const char last = word[size - 1];
  return is_consonant(word, size - 3) && !is_consonant(word, size - 2) &&
         is_consonant(word, size - 1) && last != 'w' && last != 'x' && last != 'y';
}

using Replacement = std::pair<std::string_view, std::string_view>;

/// The first suffix that fits decides: it is replaced where `condition(stem)` holds.
template <typename Condition>
std::string replace_suffix(const std::string& word, std::initializer_list<Replacement> rules,
                           Condition condition) {
  for (const auto& [suffix, replacement] : rules) {
    if (!word.ends_with(suffix)) continue;
    const auto stem = word.substr(0, word.size() - suffix.size());
    return condition(stem) ? stem + std::string(replacement) : word;
  }
  return word;
}

bool measures_something(std::string_view stem) {
  return measure(stem) > 0;
}

bool always(std::string_view) {
  return true;
}

std::string cut(const std::string& word, std::size_t count) {
  return word.substr(0, word.size() - count);
}

/// Plurals.
std::string step_1a(const std::string& word) {
  if (word.ends_with("ies") && word.size() == 4) return cut(word, 1);
  return replace_suffix(word, {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}}, always);
}

/// -ed and -ing.
std::string step_1b(const std::string& word) {
  if (word.ends_with("ied")) return cut(word, word.size() == 4 ? 1 : 2);
  if (word.ends_with("eed")) return measures_something(cut(word, 3)) ? cut(word, 1) : word;
  std::string stem;
  if (word.ends_with("ed") && has_vowel(cut(word, 2))) {
    stem = cut(word, 2);
  } else if (word.ends_with("ing") && has_vowel(cut(word, 3))) {
    stem = cut(word, 3);
  } else {
    return word;
  }
  for (const std::string_view suffix : {"at", "bl", "iz"}) {
    if (stem.ends_with(suffix)) return stem + "e";
  }
  if (ends_in_double_consonant(stem)) {
    const char last = stem.back();
    return last == 'l' || last == 's' || last == 'z' ? stem : cut(stem, 1);
  }
  return measure(stem) == 1 && ends_in_short_syllable(stem) ? stem + "e" : stem;
}

std::string step_1c(const std::string& word) {
  return replace_suffix(word, {{"y", "i"}}, [](std::string_view stem) {
    return stem.size() > 1 && is_consonant(stem, stem.size() - 1);
  });
}

/// Double suffixes to single ones.
std::string step_2(std::string word) {
  while (word.ends_with("alli") && measures_something(cut(word, 4))) word = cut(word, 2);
  if (word.ends_with("logi")) return measures_something(cut(word, 3)) ? cut(word, 1) : word;
  return replace_suffix(
      word, {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
             {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
             {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
             {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
             {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
             {"fulli", "ful"}},
      measures_something);
}

std::string step_3(const std::string& word) {
  return replace_suffix(word,
                        {{"icate", "ic"},
                         {"ative", ""},
                         {"alize", "al"},
                         {"iciti", "ic"},
                         {"ical", "ic"},
                         {"ful", ""},
                         {"ness", ""}},
                        measures_something);
}

std::string step_4(const std::string& word) {
  const auto long_enough = [](std::string_view stem) { return measure(stem) > 1; };
  auto before_ion = replace_suffix(word,
                                   {{"al", ""},
                                    {"ance", ""},
                                    {"ence", ""},
                                    {"er", ""},
                                    {"ic", ""},
                                    {"able", ""},
                                    {"ible", ""},
                                    {"ant", ""},
                                    {"ement", ""},
                                    {"ment", ""},
                                    {"ent", ""}},
                                   long_enough);
  if (before_ion != word) return before_ion;
  if (word.ends_with("ion")) {
    const auto stem = cut(word, 3);
    const bool fits = long_enough(stem) && (stem.back() == 's' || stem.back() == 't');
    return fits ? stem : word;
  }
  return replace_suffix(
      word,
      {{"ou", ""}, {"ism", ""}, {"ate", ""}, {"iti", ""}, {"ous", ""}, {"ive", ""}, {"ize", ""}},
      long_enough);
}

/// A final -e, and -ll.
std::string step_5(std::string word) {
  if (word.ends_with("e")) {
    const auto stem = cut(word, 1);
    const int length = measure(stem);
    if (length > 1 || (length == 1 && !ends_in_short_syllable(stem))) word = stem;
  }
  if (word.ends_with("ll") && measure(cut(word, 1)) > 1) return cut(word, 1);
  return word;
}

constexpr std::array<Replacement, 16> kIrregular{{
    {"sky", "sky"},
    {"skies", "sky"},
    {"dying", "die"},
    {"lying", "lie"},
    {"tying", "tie"},
    {"news", "news"},
    {"innings", "inning"},
    {"inning", "inning"},
    {"outings", "outing"},
    {"outing", "outing"},
    {"cannings", "canning"},
    {"canning", "canning"},
    {"howe", "howe"},
    {"proceed", "proceed"},
    {"exceed", "exceed"},
    {"succeed", "succeed"},
}};

}  // namespace

std::string porter_stem(std::string_view word) {
  for (const auto& [form, stem] : kIrregular) {
    if (form == word) return std::string(stem);
  }
  std::string stem(word);
  if (stem.size() <= 2) return stem;
  return step_5(step_4(step_3(step_2(step_1c(step_1b(step_1a(stem)))))));
}

}  // namespace trellis::metrics

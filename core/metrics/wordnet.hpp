/// Synonyms by WordNet (Fellbaum 1998): Debian's package wordnet-base.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace trellis::metrics {

/// Immutable once read.
class WordNet {
 public:
  /// Reads index.noun, .verb, .adj, .adv and their exceptions (*.exc) from `folder`. Throws
  /// Error(missing) where they are not.
  explicit WordNet(const std::filesystem::path& folder);

  /// The synsets of a lower-case word, as a number each, ascending: of the word itself and of its
  /// base forms, by WordNet's own rules and exceptions (morphy(7)), in every part of speech.
  std::vector<std::uint32_t> synsets(std::string_view word) const;

 private:
  struct PartOfSpeech {
    std::unordered_map<std::string, std::vector<std::uint32_t>> synsets;   // by lemma
    std::unordered_map<std::string, std::vector<std::string>> exceptions;  // by inflected form
  };
  std::vector<std::string> bases(std::string_view word, std::size_t part) const;

  std::vector<PartOfSpeech> parts_;
};

/// True where two ascending lists have a number in common.
bool share_a_synset(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b);

/// Where WordNet is: the folder that WNSEARCHDIR names, as WordNet's own programs take it, or
/// Debian's. Read once a process. Any thread may call. Throws Error(missing) with what to install.
const WordNet& installed_wordnet();

}  // namespace trellis::metrics

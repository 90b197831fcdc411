#include "core/metrics/wordnet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/error.hpp"

namespace trellis::metrics {
namespace {

namespace fs = std::filesystem;

constexpr std::array kParts = {"noun", "verb", "adj", "adv"};
constexpr std::size_t kNoun = 0;

struct Detachment {
  std::size_t part;  // into kParts
  std::string_view suffix;
  std::string_view ending;  // in its place
};
// morphy(7).
constexpr Detachment kDetachments[] = {
    {0, "s", ""},      {0, "ses", "s"},   {0, "xes", "x"}, {0, "zes", "z"}, {0, "ches", "ch"},
    {0, "shes", "sh"}, {0, "men", "man"}, {0, "ies", "y"}, {1, "s", ""},    {1, "ies", "y"},
    {1, "es", "e"},    {1, "es", ""},     {1, "ed", "e"},  {1, "ed", ""},   {1, "ing", "e"},
    {1, "ing", ""},    {2, "er", ""},     {2, "est", ""},  {2, "er", "e"},  {2, "est", "e"}};

std::ifstream open(const fs::path& path) {
  std::ifstream file(path);
  if (!file) {
    throw Error(
        Fault::missing,
        fmt::format("{}: cannot be opened; METEOR's synonyms are WordNet's: install Debian's "
                    "package wordnet-base, or name its folder by WNSEARCHDIR",
                    path.string()));
  }
  return file;
}

// "lemma pos synset_count pointer_count [pointers] sense_count tagged_count [offsets]"; lines of
// the licence begin with a space.
std::unordered_map<std::string, std::vector<std::uint32_t>> read_index(const fs::path& path,
                                                                       std::uint32_t part) {
  std::unordered_map<std::string, std::vector<std::uint32_t>> synsets;
  auto file = open(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == ' ') continue;
    std::istringstream fields(line);
    std::string lemma;
    std::string skipped;
    std::size_t count = 0;
    std::size_t pointers = 0;
    fields >> lemma >> skipped >> count >> pointers;
    for (std::size_t i = 0; i < pointers + 2; ++i) fields >> skipped;
    auto& offsets = synsets[lemma];
    // An offset is a place in the part's own file, below 2^25; the part makes it unique.
    for (std::uint32_t offset = 0; offsets.size() < count && fields >> offset;) {
      offsets.push_back(offset * static_cast<std::uint32_t>(kParts.size()) + part);
    }
  }
  return synsets;
}

std::unordered_map<std::string, std::vector<std::string>> read_exceptions(const fs::path& path) {
  std::unordered_map<std::string, std::vector<std::string>> exceptions;
  auto file = open(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string inflected;
    fields >> inflected;
    for (std::string base; fields >> base;) exceptions[inflected].push_back(base);
  }
  return exceptions;
}

}  // namespace

WordNet::WordNet(const fs::path& folder) {
  for (std::uint32_t part = 0; part < kParts.size(); ++part) {
    parts_.push_back({read_index(folder / fmt::format("index.{}", kParts[part]), part),
                      read_exceptions(folder / fmt::format("{}.exc", kParts[part]))});
  }
}

// As morphy() of WordNet's library: exceptions first; else the first rule that leads to a lemma.
std::vector<std::string> WordNet::bases(std::string_view word, std::size_t part) const {
  const auto& [synsets, exceptions] = parts_[part];
  if (const auto found = exceptions.find(std::string(word)); found != exceptions.end()) {
    return found->second;
  }
  if (part == kNoun && (word.size() <= 2 || word.ends_with("ss"))) return {};
  for (const auto& [of, suffix, ending] : kDetachments) {
    if (of != part || !word.ends_with(suffix)) continue;
    auto base = fmt::format("{}{}", word.substr(0, word.size() - suffix.size()), ending);
    if (synsets.contains(base)) return {std::move(base)};
  }
  return {};
}

std::vector<std::uint32_t> WordNet::synsets(std::string_view word) const {
  std::vector<std::uint32_t> all;
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    auto lemmas = bases(word, part);
    lemmas.emplace_back(word);
    for (const auto& lemma : lemmas) {
      const auto found = parts_[part].synsets.find(lemma);
      if (found == parts_[part].synsets.end()) continue;
      all.insert(all.end(), found->second.begin(), found->second.end());
    }
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

bool share_a_synset(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
    if (*x == *y) return true;
    ++(*x < *y ? x : y);
  }
  return false;
}

const WordNet& installed_wordnet() {
  static const WordNet wordnet = [] {
    const char* folder = std::getenv("WNSEARCHDIR");
    return WordNet(folder != nullptr ? folder : "/usr/share/wordnet");
  }();
  return wordnet;
}

}  // namespace trellis::metrics

#include "core/metrics/word_groups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.hpp"
#include "core/metrics/ratios.hpp"
#include "core/text/words.hpp"

namespace trellis::metrics {

WordGroups::WordGroups(const std::vector<WordGroup>& groups) {
  std::set<std::vector<std::uint64_t>> seen;
  for (const auto& group : groups) {
    if (group.name.empty()) throw Error(Fault::usage, "a group of words needs a name");
    for (const auto end : {kOfReferences, kOfTraining}) {
      if (!group.name.ends_with(end)) continue;
      throw Error(Fault::usage, fmt::format("the group of words \"{}\": its name must not end "
                                            "with {}, which is a metric's",
                                            group.name, end));
    }
    if (std::find(names_.begin(), names_.end(), group.name) != names_.end()) {
      throw Error(Fault::usage,
                  fmt::format("the group of words \"{}\" is given twice", group.name));
    }
    if (group.entries.empty()) {
      throw Error(Fault::usage, fmt::format("the group of words \"{}\" has no word", group.name));
    }
    for (const auto& entry : group.entries) {
      std::vector<std::uint64_t> words;
      text::append_word_hashes(entry, words);
      if (words.empty()) {
        throw Error(Fault::usage, fmt::format("the group of words \"{}\": \"{}\" holds no word",
                                              group.name, entry));
      }
      if (!seen.insert(words).second) {
        throw Error(
            Fault::usage,
            fmt::format("the group of words \"{}\": \"{}\" is given before; no word may count "
                        "twice",
                        group.name, entry));
      }
      entries_.push_back({std::move(words), names_.size()});
    }
    names_.push_back(group.name);
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.words < b.words; });
}

void WordGroups::count(std::string_view text, GroupCounts& counts) const {
  std::vector<std::uint64_t> words;
  text::append_word_hashes(text, words);
  const auto less = [](const Entry& entry, std::uint64_t word) { return entry.words[0] < word; };
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto entry = std::lower_bound(entries_.begin(), entries_.end(), words[i], less);
    for (; entry != entries_.end() && entry->words[0] == words[i]; ++entry) {
      const auto size = entry->words.size();
      if (size > words.size() - i) continue;
      if (!std::equal(entry->words.begin(), entry->words.end(), &words[i])) continue;
      ++counts[entry->group];
      if (names_.size() > 1) ++counts.back();
    }
  }
  if (names_.size() == 1) counts.back() += words.size();
}

SampleValue group_share(const GroupCounts& counts, std::size_t group) {
  SampleValue sample;
  sample.statistics = {static_cast<double>(counts[group]), static_cast<double>(counts.back())};
  if (counts.back() > 0) sample.value = ratio_of_sums(sample.statistics);
  return sample;
}

}  // namespace trellis::metrics

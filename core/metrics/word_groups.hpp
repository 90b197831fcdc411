/// How often texts use the words of some groups: probes for bias in data and outputs.
///
/// As in Zhao, Wang, Yatskar, Ordonez, Chang, "Men Also Like Shopping" (2017): the share of one
/// group's words among those of all groups, in what a model writes beside what it learned from. Of
/// a single group, the share among all words. Words are those of core/text/words.hpp; an entry of
/// several (a Chinese word, "the nurse") counts where they stand in a row.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/metric.hpp"

namespace trellis::metrics {

struct WordGroup {
  std::string name;
  std::vector<std::string> entries;
};

/// The metrics of a probe are named "share.NAME", and of references and training data the same with
/// one of these behind it.
inline constexpr std::string_view kSharePrefix = "share.";
inline constexpr std::string_view kOfReferences = ".references";
inline constexpr std::string_view kOfTraining = ".training";

/// Occurrences in texts, by group; the last number is what they are a share of.
using GroupCounts = std::vector<std::uint64_t>;

class WordGroups {
 public:
  /// Throws Error(usage) for a group without entries, an entry without words, an entry in two
  /// groups, and names that are empty, given twice, or end as one of the above.
  explicit WordGroups(const std::vector<WordGroup>& groups);

  const std::vector<std::string>& names() const { return names_; }
  GroupCounts none() const { return GroupCounts(names_.size() + 1, 0); }
  /// Adds those of a text.
  void count(std::string_view text, GroupCounts& counts) const;

 private:
  struct Entry {
    std::vector<std::uint64_t> words;
    std::size_t group = 0;
  };
  std::vector<std::string> names_;
  std::vector<Entry> entries_;  // by first word
};

/// The share of group `group`; undefined where there is nothing to be a share of.
SampleValue group_share(const GroupCounts& counts, std::size_t group);

}  // namespace trellis::metrics

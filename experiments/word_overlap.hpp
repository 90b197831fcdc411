/// Runs of words that test data has in common with training data.
///
/// The check of Brown et al. ("Language Models are Few-Shot Learners", 2020, appendix C): a test
/// example is suspect if any n words in a row of it, 13 there, stand somewhere in the training
/// data. Words are those of core/text/words.hpp: case and punctuation do not matter. Runs that at
/// least three and more than a tenth of the test examples have say nothing of any of them, and do
/// not count: they are of a prompt's template, or of the solved examples in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::experiments {

/// A test example with n words in a row that the training data has, too.
struct SharedRun {
  std::string example;  ///< its id
  double share = 0;     ///< of its words, those in such a run; above 0, at most 1
};

/// All test examples of one task, kept as hashes: two different runs are taken for one with a
/// chance of 2^-64. Used from one thread: all is added first, then compared.
class WordOverlap {
 public:
  /// `n`: words in a row, at least 1.
  explicit WordOverlap(std::size_t n) : n_(n) {}

  /// Runs do not cross from source to target.
  void add(std::string id, std::string_view source, std::string_view target);
  /// Marks what a text of the training data has in common with the test data.
  void compare(std::string_view text);

  /// How many of the examples have n words in a row that count.
  std::uint64_t comparable();
  /// Those with something in common, in the order of adding.
  std::vector<SharedRun> found() const;

 private:
  struct Example {
    std::string id;
    std::size_t first_word = 0;  // into marks_
    std::size_t words = 0;
  };
  struct Run {
    std::uint64_t hash = 0;
    std::size_t first_word = 0;  // into marks_
    std::size_t example = 0;     // into examples_
  };

  void add_runs(std::string_view text);
  void arrange();
  void drop_common_runs();
  void mark(std::uint64_t hash);
  template <typename Visit>
  void for_each_run(Visit&& visit) const;

  std::size_t n_;
  bool arranged_ = false;
  std::vector<Example> examples_;
  std::vector<bool> marks_;            // by word of all examples: it is in a common run
  std::vector<Run> runs_;              // those that count, by hash, once arranged
  std::vector<std::uint64_t> filter_;  // a bit for the leading bits of each hash
  unsigned filter_shift_ = 0;
  std::vector<std::uint64_t> words_;  // of the text at hand
};

}  // namespace trellis::experiments

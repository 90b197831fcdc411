/// Test data that the model has seen: the same pair of source and target among the training data,
/// or, without a source, a test text anywhere inside a training text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace trellis::experiments {

/// All test examples of one task. Holds copies of their texts.
class TestTexts {
 public:
  /// `target`: what a model would learn of the example.
  void add(std::string id, std::string_view source, std::string_view target);
  /// Marks the examples that this training example gives away.
  void compare(std::string_view source, std::string_view target);
  /// The ids of the marked ones, in the order of adding.
  std::vector<std::string> seen() const;

 private:
  struct Text {
    std::string id;
    std::string target;
    bool seen = false;
  };
  void look_inside(std::string_view text);

  std::vector<Text> texts_;
  std::unordered_multimap<std::string, std::size_t> pairs_;       // by source and target
  std::unordered_multimap<std::uint64_t, std::size_t> openings_;  // by hash of the first bytes
};

}  // namespace trellis::experiments

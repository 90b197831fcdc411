/// How much memory the samples under way may come to need for their states, so that work waits
/// instead of running out of it. Used from one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "core/plugin/model.hpp"

namespace trellis::decode {

/// What decides how large a sample may grow.
struct SampleSize {
  const void* tree = nullptr;     ///< samples on one tree share its prompt
  std::size_t prompt_tokens = 0;  ///< of encoder and decoder
  std::size_t new_tokens = 0;     ///< the most that a hypothesis gets
  std::size_t width = 1;          ///< the most hypotheses at once
};

/// Every sample is counted at its worst, as if it came to share nothing but its prompt: so many
/// hypotheses of full length, each with its state and a row of logits. A prompt is counted once for
/// all samples on its tree; where the model's forks share nothing, once for each hypothesis too.
class MemoryBudget {
 public:
  /// bytes 0: no limit. Without limit, or where the model does not say what states cost, all fits.
  MemoryBudget(std::uint64_t bytes, const plugin::ModelFacts& facts);

  bool fits(const SampleSize& size) const;
  void add(const SampleSize& size);
  void remove(const SampleSize& size);
  /// What those under way may come to need, in bytes.
  std::uint64_t promised() const { return promised_; }

 private:
  std::uint64_t tree_bytes(const SampleSize& size) const;
  std::uint64_t sample_bytes(const SampleSize& size) const;

  std::uint64_t limit_ = 0;
  plugin::StateBytes costs_;
  std::uint64_t row_bytes_ = 0;
  std::uint64_t promised_ = 0;
  std::unordered_map<const void*, std::size_t> trees_;  // to the number of samples on each
};

}  // namespace trellis::decode

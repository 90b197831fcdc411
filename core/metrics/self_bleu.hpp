/// Self-BLEU: how much a set of texts is like itself (Zhu, Lu, Zheng, Guo, Zhang, Wang, Yu 2018).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace trellis::metrics {

struct SelfBleuOptions {
  std::size_t max_order = 4;
  /// What an order without a match counts as: NLTK's "method 1" (Chen and Cherry 2014).
  double matches_if_none = 0.1;
  /// Leave out orders longer than the sequence, as sacrebleu's sentence BLEU does.
  bool effective_order = false;
};

/// BLEU of each sequence against all others, 0 to 1. The reference length is the closest other one,
/// of two the shorter; a sequence without a single match has 0. Takes time in proportion to the
/// tokens, not to the pairs. Nothing with fewer than two sequences. "self_bleu" is the mean.
std::optional<std::vector<double>> self_bleu(std::span<const std::vector<std::string>> sequences,
                                             const SelfBleuOptions& options = {});

}  // namespace trellis::metrics

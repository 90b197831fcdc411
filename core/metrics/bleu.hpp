/// BLEU (Papineni, Roukos, Ward, Zhu 2002) with sacrebleu's definitions (Post 2018): the figures
/// are sacrebleu 2.6's, digit by digit.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/bleu_tokenizer.hpp"
#include "core/metrics/metric.hpp"

namespace trellis::metrics {

/// What a precision without a match counts as (Chen and Cherry 2014).
enum class BleuSmoothing {
  exponential,  ///< the k-th such order: 1 / 2^k matches
  floor,        ///< smoothing_value matches (0.1 by default)
  add_k,        ///< smoothing_value (1 by default) added to every order above the first
  none
};

struct BleuOptions {
  BleuTokenizer tokenizer = BleuTokenizer::mteval_13a;
  bool lowercase = false;
  BleuSmoothing smoothing = BleuSmoothing::exponential;
  std::optional<double> smoothing_value;  ///< for floor and add_k only
  bool effective_order = false;           ///< leave out orders longer than the output
  std::size_t max_order = 4;
};

struct BleuScore {
  double score = 0;  ///< 0 to 100
  double brevity_penalty = 0;
  std::vector<double> precisions;  ///< [max_order], 0 to 100, smoothed
};

/// [output length, reference length, matches of order 1.., n-grams of order 1..]: they add up over
/// segments. The reference length is that of the closest reference, of two the shorter. There must
/// be at least one reference.
std::vector<double> bleu_statistics(std::string_view output,
                                    std::span<const std::string> references,
                                    const BleuOptions& options);

/// From summed statistics.
BleuScore bleu_score(std::span<const double> statistics, const BleuOptions& options);

/// One sample of the metrics "bleu", "bleu_lowercase", "bleu_tokenized". The value is the
/// sentence's BLEU with effective order; undefined without a reference. The corpus value of those
/// metrics is computed with exponential smoothing and four orders: leave those options as they are.
SampleValue bleu(std::string_view output, std::span<const std::string> references,
                 const BleuOptions& options = {});

/// How the figure was computed, in sacrebleu's form without the version:
/// "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp". `references` is nothing where segments have
/// different numbers of them.
std::string bleu_signature(const BleuOptions& options, std::optional<std::size_t> references);

}  // namespace trellis::metrics

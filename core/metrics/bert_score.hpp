/// BERTScore: how much of two texts means the same, by vectors of their tokens in context.
///
/// Zhang, Kishore, Wu, Weinberger, Artzi, "BERTScore: Evaluating Text Generation with BERT" (ICLR
/// 2020). Every token takes the token of the other text whose vector is nearest to its own:
///
///     R = mean over y_j of max_i cos(x_i, y_j)     tokens of the reference
///     P = mean over x_i of max_j cos(x_i, y_j)     tokens of the output
///     F = 2 P R / (P + R)
///
/// Of several references the one of the greatest F counts. No token weighs more than another (no
/// idf), and values are not rescaled by a baseline. The authors choose the layer for each encoder;
/// here it is the last one (core/decode/embedding.hpp), so values compare only with those of the
/// same encoder in Trellis.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace trellis::metrics {

/// The metric is named by its encoder: "bertscore.NAME".
inline constexpr std::string_view kBertScorePrefix = "bertscore.";

struct BertScore {
  double precision = 0;  ///< -1 to 1
  double recall = 0;
  double f = 0;  ///< 0 where precision and recall cancel out
};

/// Vectors // [tokens, width]; `width` is at least 1. All 0 where either text has no token.
BertScore bert_score(std::span<const float> output, std::span<const float> reference,
                     std::size_t width);

}  // namespace trellis::metrics

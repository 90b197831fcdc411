/// Which places of a text are masked in training, and what is learned there.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace trellis::models {

enum class Masking {
  tokens,  ///< Devlin et al. 2019: a share of all places; 80 % become masks, 10 % another token
  gap      ///< Ghazvininejad et al. 2019: any number of the gap's places, all of them masks
};

struct MaskingOptions {
  Masking kind = Masking::tokens;
  double share = 0.15;   ///< of the places, rounded, at least one; `tokens` only
  double lengths = 0.2;  ///< the share of texts of which the gap's length is learned instead
};

struct MaskedText {
  std::vector<std::int64_t> input;
  std::vector<std::int64_t> target;  ///< as long; nn::kIgnoredTarget where nothing is learned
};

/// `text` is a prompt of nn::masked_form, with the mask in its gap, and `block` what belongs there,
/// at least one token. The result is the text with the block in the gap and masks where they fall,
/// or, where its length is learned, the text as it is: the target of its first place is then the
/// token whose id is the length. Symbols around the text are never masked. vocab: that of the
/// network, whose last id is the mask; those from text::kSpecialCount up to it replace others at
/// random.
MaskedText mask_text(std::span<const std::int64_t> text, std::span<const std::int64_t> block,
                     std::int64_t vocab, const MaskingOptions& options, std::mt19937_64& engine);

}  // namespace trellis::models

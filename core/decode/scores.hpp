/// What a strategy chooses by: a row of the model after an arm's processors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/decode/generate.hpp"
#include "core/plugin/model.hpp"
#include "core/plugin/strategy.hpp"

namespace trellis::decode {

/// An arm as its samples use it. Borrowed from it.
struct ArmContext {
  explicit ArmContext(const Arm& arm);

  const plugin::Strategy* strategy = nullptr;
  std::vector<const plugin::LogitsProcessor*> processors;  ///< by ascending rank
  std::optional<std::size_t> draft;                        ///< its number, where one is lent
};

/// A prefix as processors see it: all is borrowed. `limit`: the most tokens that it may get.
trellis_sequence sequence_of(const plugin::ModelFacts& facts, const plugin::PromptTokens& prompt,
                             std::span<const std::int32_t> tokens, std::size_t limit,
                             const trellis_noise& noise);

/// scores // [vocab_size], as logits: these, or their log-probabilities where the strategy asks for
/// them, after all processors. False when no token is left to choose. Throws what processors throw.
bool compute_scores(const ArmContext& arm, std::span<const float> logits,
                    const trellis_sequence& sequence, std::span<float> scores);

}  // namespace trellis::decode

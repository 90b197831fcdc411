#include "core/decode/scores.hpp"

#include <algorithm>

#include "core/kernels/distribution.hpp"

namespace trellis::decode {

ArmContext::ArmContext(const Arm& arm) : strategy(&arm.strategy) {
  for (const auto& processor : arm.processors) processors.push_back(&processor);
  std::ranges::stable_sort(processors, {}, &plugin::LogitsProcessor::rank);
}

trellis_sequence sequence_of(const plugin::ModelFacts& facts, const plugin::PromptTokens& prompt,
                             std::span<const std::int32_t> tokens, std::size_t limit,
                             const trellis_noise& noise) {
  return {sizeof(trellis_sequence),
          prompt.decoder.data(),
          prompt.decoder.size(),
          tokens.data(),
          tokens.size(),
          facts.eos.data(),
          facts.eos.size(),
          prompt.encoder.data(),
          prompt.encoder.size(),
          limit,
          &noise};
}

bool compute_scores(const ArmContext& arm, std::span<const float> logits,
                    const trellis_sequence& sequence, std::span<float> scores) {
  if (arm.strategy->needs().processors_see_log_probabilities) {
    kernels::log_softmax(logits, scores);
  } else {
    std::ranges::copy(logits, scores.begin());
  }
  for (const auto* processor : arm.processors) processor->apply(sequence, scores);
  return kernels::has_choice(scores);
}

}  // namespace trellis::decode

/// What a strategy had to choose from at each position of an output that is there already: computed
/// again, so that nothing of it need be stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/decode/random.hpp"
#include "core/plugin/model.hpp"
#include "core/plugin/strategy.hpp"

namespace trellis::decode {

struct ChoiceRequest {
  plugin::PromptTokens prompt;
  std::vector<std::int32_t> output;  ///< as it was generated
  std::size_t limit = 0;             ///< tokens that it could have got at most
  NoiseKey noise;
  std::size_t top_alternatives = 5;
};

struct ChoiceToken {
  std::int32_t token = 0;
  double log_probability = 0;  ///< the model's
  double log_after = 0;        ///< after the processors, normalized; -infinity: they cut it
  float noise = 0;             ///< Gumbel noise of the token at this position
};

struct Choice {
  std::uint64_t kept = 0;  ///< tokens that the processors left
  double kept_mass = 0;    ///< their share of the model's probability
  std::int32_t drawn = 0;  ///< greatest by what the processors left and noise: what sampling takes
  /// The model's most probable tokens, most probable first, and the one that was taken.
  std::vector<ChoiceToken> tokens;
};

/// One a token of the output. `processors` by ascending rank, bound to the model. Throws what the
/// model and the processors throw, and Error(usage) for an output longer than the model's context.
std::vector<Choice> choices(plugin::Model& model, const plugin::Strategy& strategy,
                            std::span<const plugin::LogitsProcessor> processors,
                            const ChoiceRequest& request);

}  // namespace trellis::decode

/// What a strategy had to choose from at each position of an output that is there already: computed
/// again, so that nothing of it need be stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/decode/generate.hpp"
#include "core/decode/random.hpp"
#include "core/plugin/model.hpp"

namespace trellis::decode {

struct ChoiceRequest {
  plugin::PromptTokens prompt;
  std::vector<std::int32_t> output;  ///< as it was generated
  std::size_t limit = 0;             ///< tokens that it could have got at most
  std::vector<NoiseKey> noises;      ///< of which it may have drawn; at least one
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

struct Choices {
  std::vector<Choice> at;  ///< one a token of the output
  bool drawn = false;      ///< whether drawing with the noise that is shown gives the output
};

/// By the first noise that gives the output, or else the first of all. Throws what the model and
/// the processors throw, and Error(usage) for an output longer than the model's context.
Choices choices(plugin::Model& model, const Arm& arm, const ChoiceRequest& request);

}  // namespace trellis::decode

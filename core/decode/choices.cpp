#include "core/decode/choices.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/decode/feed.hpp"
#include "core/decode/noise.hpp"
#include "core/error.hpp"
#include "core/kernels/distribution.hpp"
#include "core/kernels/gumbel.hpp"
#include "core/kernels/selection.hpp"

namespace trellis::decode {
namespace {

/// One row of logits and what the processors make of it.
Choice choice_from(std::span<const float> logits, std::span<const float> scores,
                   const ChoiceRequest& request, std::size_t position) {
  Choice choice;
  const double sum = kernels::log_sum_exp(logits);
  const double sum_after = kernels::log_sum_exp(scores);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] == -std::numeric_limits<float>::infinity()) continue;
    ++choice.kept;
    choice.kept_mass += std::exp(static_cast<double>(logits[i]) - sum);
  }
  const auto place = gumbel_place(request.noise, position);
  choice.drawn = static_cast<std::int32_t>(kernels::gumbel_argmax(place, scores));
  std::vector<std::uint32_t> best;
  kernels::top_k(logits, request.top_alternatives, best);
  const auto taken = static_cast<std::uint32_t>(request.output[position]);
  if (std::ranges::find(best, taken) == best.end()) best.push_back(taken);
  const std::vector<std::int32_t> tokens(best.begin(), best.end());
  std::vector<float> noise(tokens.size());
  kernels::gumbel_noise_of(place, tokens, noise);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto at = static_cast<std::size_t>(tokens[i]);
    choice.tokens.push_back({tokens[i], static_cast<double>(logits[at]) - sum,
                             static_cast<double>(scores[at]) - sum_after, noise[i]});
  }
  return choice;
}

}  // namespace

std::vector<Choice> choices(plugin::Model& model, const plugin::Strategy& strategy,
                            std::span<const plugin::LogitsProcessor> processors,
                            const ChoiceRequest& request) {
  const auto& facts = model.facts();
  std::vector<Choice> all;
  if (request.output.empty()) return all;
  for (const auto token : request.output) {
    if (token < 0 || static_cast<std::size_t>(token) >= facts.vocab_size) {
      throw Error(Fault::bad_data, "the output has tokens that the model does not know");
    }
  }
  auto decoder = request.prompt.decoder;
  decoder.insert(decoder.end(), request.output.begin(), request.output.end() - 1);
  if (facts.max_context && decoder.size() > *facts.max_context) {
    throw Error(Fault::usage, "the output is longer than the model's context");
  }
  const auto state = model.open_state(request.prompt.encoder);
  FeedBatch batch(facts.vocab_size, 0);
  Rows rows;
  batch.add(state, decoder, request.output.size(), rows);
  batch.run(model, {1, decoder.size()});
  const auto noise = noise_abi(request.noise);
  std::vector<float> scores(facts.vocab_size);
  for (std::size_t position = 0; position < request.output.size(); ++position) {
    const std::span<const float> logits(rows.logits + position * facts.vocab_size,
                                        facts.vocab_size);
    if (strategy.needs().processors_see_log_probabilities) {
      kernels::log_softmax(logits, scores);
    } else {
      std::copy(logits.begin(), logits.end(), scores.begin());
    }
    const trellis_sequence sequence{sizeof(trellis_sequence),
                                    request.prompt.decoder.data(),
                                    request.prompt.decoder.size(),
                                    request.output.data(),
                                    position,
                                    facts.eos.data(),
                                    facts.eos.size(),
                                    request.prompt.encoder.data(),
                                    request.prompt.encoder.size(),
                                    request.limit,
                                    &noise};
    for (const auto& processor : processors) processor.apply(sequence, scores);
    if (!kernels::has_choice(logits) || !kernels::has_choice(scores)) {
      throw Error(Fault::plugin, "there is no token to choose from");
    }
    all.push_back(choice_from(logits, scores, request, position));
  }
  return all;
}

}  // namespace trellis::decode

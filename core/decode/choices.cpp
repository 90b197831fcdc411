#include "core/decode/choices.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "core/decode/feed.hpp"
#include "core/decode/noise.hpp"
#include "core/decode/scores.hpp"
#include "core/error.hpp"
#include "core/kernels/distribution.hpp"
#include "core/kernels/gumbel.hpp"
#include "core/kernels/selection.hpp"

namespace trellis::decode {
namespace {

/// One row of logits and what the processors make of it.
Choice choice_from(std::span<const float> logits, std::span<const float> scores,
                   const ChoiceRequest& request, const NoiseKey& key, std::size_t position) {
  Choice choice;
  const double sum = kernels::log_sum_exp(logits);
  const double sum_after = kernels::log_sum_exp(scores);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] == -std::numeric_limits<float>::infinity()) continue;
    ++choice.kept;
    choice.kept_mass += std::exp(static_cast<double>(logits[i]) - sum);
  }
  const auto place = gumbel_place(key, position);
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

// rows // [output, vocab_size]
std::vector<Choice> choices_with(const plugin::ModelFacts& facts, const ArmContext& arm,
                                 const ChoiceRequest& request, const NoiseKey& key,
                                 const float* rows) {
  std::vector<Choice> all;
  const auto noise = noise_abi(key);
  std::vector<float> scores(facts.vocab_size);
  for (std::size_t position = 0; position < request.output.size(); ++position) {
    const std::span logits(rows + position * facts.vocab_size, facts.vocab_size);
    const auto sequence = sequence_of(
        facts, request.prompt, std::span(request.output).first(position), request.limit, noise);
    if (!compute_scores(arm, logits, sequence, scores) || !kernels::has_choice(logits)) {
      throw Error(Fault::plugin, "there is no token to choose from");
    }
    all.push_back(choice_from(logits, scores, request, key, position));
  }
  return all;
}

}  // namespace

Choices choices(plugin::Model& model, const Arm& arm, const ChoiceRequest& request) {
  const auto& facts = model.facts();
  if (request.output.empty()) return {{}, true};
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
  const ArmContext context(arm);
  Choices first;
  for (const NoiseKey& key : request.noises) {
    Choices found{choices_with(facts, context, request, key, rows.logits), false};
    found.drawn = std::ranges::equal(found.at, request.output, {}, &Choice::drawn);
    if (found.drawn) return found;
    if (first.at.empty()) first = std::move(found);
  }
  return first;
}

}  // namespace trellis::decode

#include "experiments/conversations.hpp"

#include <algorithm>
#include <utility>

namespace trellis::experiments {
namespace {

bool same_question(const decode::Prompt& a, const decode::Prompt& b) {
  return a.example == b.example && a.turn == b.turn && a.source == b.source &&
         a.prefix == b.prefix && a.stop == b.stop && a.max_new_tokens == b.max_new_tokens;
}

}  // namespace

std::vector<plugin::Turn> turns_of(const Conversation& conversation) {
  std::vector<plugin::Turn> turns;
  for (const auto& turn : conversation.turns) {
    turns.push_back({turn.text, std::string(decode::to_string(turn.finish)), turn.tokens.size()});
  }
  return turns;
}

std::string transcript(const Conversation& conversation) {
  std::string text;
  for (const auto& turn : conversation.turns) {
    if (&turn != &conversation.turns.front()) text += '\n';
    text += turn.text;
  }
  return text;
}

void Round::add(std::size_t sample, decode::Prompt prompt, decode::SampleRequest request) {
  std::size_t place = prompts.size();
  for (auto i = place; i > 0 && prompts[i - 1].example == prompt.example; --i) {
    if (same_question(prompts[i - 1], prompt)) place = i - 1;
  }
  if (place == prompts.size()) prompts.push_back(std::move(prompt));
  request.prompt = place;
  const auto behind =
      std::upper_bound(requests.begin(), requests.end(), place,
                       [](std::size_t prompt, const auto& other) { return prompt < other.prompt; });
  samples.insert(samples.begin() + (behind - requests.begin()), sample);
  requests.insert(behind, request);
}

void add_totals(decode::GenerateTotals& sum, const decode::GenerateTotals& round) {
  sum.arms.resize(std::max(sum.arms.size(), round.arms.size()));
  for (std::size_t arm = 0; arm < round.arms.size(); ++arm) {
    sum.arms[arm].prompt_tokens += round.arms[arm].prompt_tokens;
    sum.arms[arm].computed_tokens += round.arms[arm].computed_tokens;
    sum.arms[arm].delivered_tokens += round.arms[arm].delivered_tokens;
    sum.arms[arm].seconds += round.arms[arm].seconds;
  }
  sum.prompt_tokens += round.prompt_tokens;
  sum.computed_tokens += round.computed_tokens;
  sum.delivered_tokens += round.delivered_tokens;
  sum.prompt_tokens_saved += round.prompt_tokens_saved;
  sum.computed_tokens_saved += round.computed_tokens_saved;
  sum.peak_states = std::max(sum.peak_states, round.peak_states);
  if (round.peak_state_bytes) {
    sum.peak_state_bytes = std::max(sum.peak_state_bytes.value_or(0), *round.peak_state_bytes);
  }
  sum.seconds += round.seconds;
}

}  // namespace trellis::experiments

#include "core/decode/likelihood.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/decode/feed.hpp"
#include "core/kernels/distribution.hpp"
#include "core/kernels/selection.hpp"

namespace trellis::decode {
namespace {

// Of logits that are in memory at once when places are judged.
constexpr std::size_t kMostRows = 1024;

struct Sequence {
  plugin::State state;
  std::vector<std::int32_t> tokens;  // what is fed: prompt and target, without the last token
  std::vector<std::int32_t> scored;  // target, and end symbol
  std::size_t fed = 0;               // tokens
  std::size_t judged = 0;            // of those that are scored
  Rows rows;

  bool open() const { return fed < tokens.size(); }
};

// Cuts the target where the model's context ends; `unfed` of its tokens need no place there.
void cut_to_context(const plugin::Model& model, std::size_t used, std::size_t unfed,
                    std::vector<std::int32_t>& target, Likelihood& likelihood) {
  if (const auto& context = model.facts().max_context) {
    const std::size_t room = *context + unfed - std::min(*context + unfed, used);
    if (target.size() > room) {
      likelihood.complete = false;
      target.resize(room);
      likelihood.bytes = model.decode(target).size();
    }
  }
  likelihood.tokens = target.size();
}

// Lays out one request.
Sequence lay_out(plugin::Model& model, const LikelihoodRequest& request, Likelihood& likelihood) {
  const auto& facts = model.facts();
  Sequence sequence;
  auto prompt = model.encode_prompt(request.source, request.prefix);
  sequence.scored = model.encode(request.target);
  if (request.ends && !facts.eos.empty()) sequence.scored.push_back(facts.eos.front());
  likelihood.bytes = request.target.size();
  // The last token is never fed.
  cut_to_context(model, plugin::context_used(facts, prompt), 1, sequence.scored, likelihood);
  if (sequence.scored.empty()) return sequence;
  sequence.tokens = std::move(prompt.decoder);
  sequence.tokens.insert(sequence.tokens.end(), sequence.scored.begin(), sequence.scored.end() - 1);
  sequence.state = model.open_state(prompt.encoder);
  return sequence;
}

// Asks for the next piece of a sequence, and the rows in it that score a token.
void add_piece(FeedBatch& batch, Sequence& sequence, std::size_t size) {
  const std::size_t end = std::min(sequence.fed + size, sequence.tokens.size());
  const std::size_t first_row = sequence.tokens.size() - sequence.scored.size();
  const std::size_t rows = end - std::min(end, std::max(sequence.fed, first_row));
  batch.add(sequence.state, std::span(sequence.tokens).subspan(sequence.fed, end - sequence.fed),
            rows, sequence.rows);
  sequence.fed = end;
}

// What logits are above log-probabilities. `number` counts the texts from one, `place` the tokens
// before them.
double normalizer(std::span<const float> logits, std::size_t number, std::size_t place) {
  const double sum = kernels::log_sum_exp(logits);
  if (!std::isfinite(sum)) {
    throw Error(Fault::plugin,
                fmt::format("the model gave no usable logits for text {} after {} of its tokens: "
                            "NaN, infinity, or nothing but -infinity",
                            number, place));
  }
  return sum;
}

double at(std::span<const float> logits, std::size_t token) {
  return static_cast<double>(logits[token]);
}

// Adds what the rows of a piece say.
void judge_piece(Sequence& sequence, std::size_t vocab_size, std::size_t number,
                 Likelihood& likelihood) {
  for (std::size_t row = 0; row < sequence.rows.count; ++row, ++sequence.judged) {
    const std::span<const float> logits(sequence.rows.logits + row * vocab_size, vocab_size);
    const double sum = normalizer(logits, number, sequence.judged);
    const std::int32_t target = sequence.scored[sequence.judged];
    const auto token = static_cast<std::size_t>(target);
    const std::size_t guess = kernels::argmax(logits);
    likelihood.negative_log_likelihood += sum - at(logits, token);
    likelihood.guesses.push_back({target, std::exp(at(logits, guess) - sum), guess == token});
  }
}

std::vector<Likelihood> pseudo_likelihoods(plugin::Model& model,
                                           std::span<const LikelihoodRequest> requests,
                                           std::size_t max_batch,
                                           const std::function<bool()>& cancelled) {
  std::vector<Likelihood> results(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto& request = requests[i];
    Likelihood& likelihood = results[i];
    const auto prompt = model.encode_prompt(request.source, request.prefix);
    auto target = model.encode(request.target);
    likelihood.pseudo = true;
    likelihood.bytes = request.target.size();
    cut_to_context(model, plugin::context_used(model.facts(), prompt), 0, target, likelihood);
    judge_masked(model, prompt, target, max_batch, cancelled,
                 [&](std::size_t place, std::span<const float> logits) {
                   likelihood.negative_log_likelihood +=
                       normalizer(logits, i + 1, place) -
                       at(logits, static_cast<std::size_t>(target[place]));
                 });
  }
  return results;
}

}  // namespace

void judge_masked(plugin::Model& model, const plugin::PromptTokens& prompt,
                  std::span<const std::int32_t> block, std::size_t max_batch,
                  const std::function<bool()>& cancelled,
                  const std::function<void(std::size_t, std::span<const float>)>& judge) {
  const std::size_t vocab_size = model.facts().vocab_size;
  if (block.empty()) return;
  FeedBatch batch(vocab_size, 0);
  const auto text = model.open_state(prompt.encoder);
  Rows length;
  batch.add(text, prompt.decoder, 0, length);
  batch.run(model, {1, 1});
  const std::size_t at_once =
      std::clamp<std::size_t>(kMostRows / block.size(), 1, std::max<std::size_t>(max_batch, 1));
  for (std::size_t begin = 0; begin < block.size(); begin += at_once) {
    if (cancelled && cancelled()) throw Error(Fault::cancelled, "scoring was cancelled");
    const std::size_t end = std::min(block.size(), begin + at_once);
    std::vector<plugin::State> states;
    std::vector<std::vector<std::int32_t>> blocks(end - begin, {block.begin(), block.end()});
    std::vector<Rows> rows(end - begin);
    for (std::size_t place = begin; place < end; ++place) {
      states.push_back(model.fork(text));
      blocks[place - begin][place] = *model.facts().mask;
      // The last so many rows are given: the first of them is that of the masked place.
      batch.add(states.back(), blocks[place - begin], block.size() - place, rows[place - begin]);
    }
    batch.run(model, {at_once, at_once * block.size()});
    for (std::size_t place = begin; place < end; ++place)
      judge(place, {rows[place - begin].logits, vocab_size});
  }
}

std::vector<Likelihood> likelihoods(plugin::Model& model,
                                    std::span<const LikelihoodRequest> requests,
                                    std::size_t max_batch, const std::function<bool()>& cancelled,
                                    std::size_t feed_tokens) {
  if (model.facts().mask) return pseudo_likelihoods(model, requests, max_batch, cancelled);
  const std::size_t vocab_size = model.facts().vocab_size;
  std::vector<Likelihood> results(requests.size());
  FeedBatch batch(vocab_size, 0);
  max_batch = std::max<std::size_t>(max_batch, 1);
  feed_tokens = std::max<std::size_t>(feed_tokens, 1);
  for (std::size_t begin = 0; begin < requests.size(); begin += max_batch) {
    const std::size_t end = std::min(requests.size(), begin + max_batch);
    std::vector<Sequence> sequences(end - begin);
    std::vector<std::size_t> open;
    for (std::size_t i = begin; i < end; ++i) {
      sequences[i - begin] = lay_out(model, requests[i], results[i]);
      if (sequences[i - begin].open()) open.push_back(i);
    }
    while (!open.empty()) {
      if (cancelled && cancelled()) throw Error(Fault::cancelled, "scoring was cancelled");
      const std::size_t piece = std::max<std::size_t>(feed_tokens / open.size(), 1);
      for (const auto i : open) add_piece(batch, sequences[i - begin], piece);
      batch.run(model, {max_batch, feed_tokens});
      for (const auto i : open) judge_piece(sequences[i - begin], vocab_size, i + 1, results[i]);
      std::erase_if(open, [&](std::size_t i) { return !sequences[i - begin].open(); });
    }
  }
  return results;
}

}  // namespace trellis::decode

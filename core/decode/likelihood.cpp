#include "core/decode/likelihood.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/decode/feed.hpp"
#include "core/kernels/distribution.hpp"

namespace trellis::decode {
namespace {

struct Sequence {
  plugin::State state;
  std::vector<std::int32_t> tokens;  // what is fed: prompt and target, without the last token
  std::vector<std::int32_t> scored;  // target, and end symbol
  std::size_t fed = 0;               // tokens
  std::size_t judged = 0;            // of those that are scored
  Rows rows;

  bool open() const { return fed < tokens.size(); }
};

// Lays out one request; cuts the target where the model's context ends.
Sequence lay_out(plugin::Model& model, const LikelihoodRequest& request, Likelihood& likelihood) {
  const auto& facts = model.facts();
  Sequence sequence;
  auto prompt = model.encode_prompt(request.source, request.prefix);
  sequence.scored = model.encode(request.target);
  if (request.ends && !facts.eos.empty()) sequence.scored.push_back(facts.eos.front());
  likelihood.bytes = request.target.size();
  if (facts.max_context) {
    const std::size_t room =
        *facts.max_context + 1 - std::min(*facts.max_context + 1, prompt.decoder.size());
    if (sequence.scored.size() > room) {
      likelihood.complete = false;
      sequence.scored.resize(room);
      likelihood.bytes = model.decode(sequence.scored).size();
    }
  }
  likelihood.tokens = sequence.scored.size();
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

// Adds what the rows of a piece say. `number` counts the texts from one.
void judge_piece(Sequence& sequence, std::size_t vocab_size, std::size_t number,
                 Likelihood& likelihood) {
  for (std::size_t row = 0; row < sequence.rows.count; ++row, ++sequence.judged) {
    const std::span<const float> logits(sequence.rows.logits + row * vocab_size, vocab_size);
    const auto token = static_cast<std::size_t>(sequence.scored[sequence.judged]);
    const double sum = kernels::log_sum_exp(logits);
    if (!std::isfinite(sum)) {
      throw Error(Fault::plugin,
                  fmt::format("the model gave no usable logits for text {} after {} of its tokens: "
                              "NaN, infinity, or nothing but -infinity",
                              number, sequence.judged));
    }
    likelihood.negative_log_likelihood += sum - static_cast<double>(logits[token]);
  }
}

}  // namespace

std::vector<Likelihood> likelihoods(plugin::Model& model,
                                    std::span<const LikelihoodRequest> requests,
                                    std::size_t max_batch, const std::function<bool()>& cancelled,
                                    std::size_t feed_tokens) {
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

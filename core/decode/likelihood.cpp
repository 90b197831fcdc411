#include "core/decode/likelihood.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/decode/feed.hpp"
#include "core/kernels/distribution.hpp"

namespace trellis::decode {
namespace {

constexpr std::size_t kAnyTokens = std::numeric_limits<std::size_t>::max();

struct Sequence {
  plugin::State state;
  std::vector<std::int32_t> tokens;  // what is fed: prompt and target, without the last token
  std::vector<std::int32_t> scored;  // target, and end symbol
  Rows rows;
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

}  // namespace

std::vector<Likelihood> likelihoods(plugin::Model& model,
                                    std::span<const LikelihoodRequest> requests,
                                    std::size_t max_batch, const std::function<bool()>& cancelled) {
  const std::size_t vocab_size = model.facts().vocab_size;
  std::vector<Likelihood> results(requests.size());
  FeedBatch batch(vocab_size, 0);
  max_batch = std::max<std::size_t>(max_batch, 1);
  for (std::size_t begin = 0; begin < requests.size(); begin += max_batch) {
    if (cancelled && cancelled()) throw Error(Fault::cancelled, "scoring was cancelled");
    const std::size_t end = std::min(requests.size(), begin + max_batch);
    std::vector<Sequence> sequences(end - begin);
    for (std::size_t i = begin; i < end; ++i) {
      auto& sequence = sequences[i - begin];
      sequence = lay_out(model, requests[i], results[i]);
      if (sequence.scored.empty()) continue;
      batch.add(sequence.state, sequence.tokens, sequence.scored.size(), sequence.rows);
    }
    if (!batch.empty()) batch.run(model, {max_batch, kAnyTokens});
    for (std::size_t i = begin; i < end; ++i) {
      const auto& sequence = sequences[i - begin];
      for (std::size_t row = 0; row < sequence.scored.size(); ++row) {
        const std::span<const float> logits(sequence.rows.logits + row * vocab_size, vocab_size);
        const auto token = static_cast<std::size_t>(sequence.scored[row]);
        const double sum = kernels::log_sum_exp(logits);
        if (!std::isfinite(sum)) {
          throw Error(Fault::plugin,
                      fmt::format("the model gave no usable logits for text {} after {} of its "
                                  "tokens: NaN, infinity, or nothing but -infinity",
                                  i + 1, row));
        }
        results[i].negative_log_likelihood += sum - static_cast<double>(logits[token]);
      }
    }
  }
  return results;
}

}  // namespace trellis::decode

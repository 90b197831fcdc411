#include "core/decode/explanation.hpp"

#include <fmt/format.h>

#include "core/decode/feed.hpp"
#include "core/decode/token_records.hpp"

namespace trellis::decode {
namespace {

// Judges every target by the row before it.
void judge(plugin::Model& model, const ExplainRequest& request,
           std::span<const std::int32_t> targets, Explanation& explanation) {
  const std::size_t vocab_size = model.facts().vocab_size;
  const auto state = model.open_state(explanation.encoder);
  FeedBatch batch(vocab_size, 0);
  Rows rows;
  batch.add(state, explanation.decoder, targets.size(), rows);
  batch.run(model, {1, explanation.decoder.size()});
  for (std::size_t i = 0; i < targets.size(); ++i) {
    RowJudge judge({rows.logits + i * vocab_size, vocab_size}, request.top_alternatives);
    if (const char* problem = judge.problem()) {
      throw Error(Fault::plugin,
                  fmt::format("the model gave {} for position {} of the text", problem, i + 1));
    }
    explanation.judged.push_back(judge.judge(targets[i]));
    explanation.log_probability += explanation.judged.back().log_probability;
  }
}

}  // namespace

Explanation explain(plugin::Model& model, const ExplainRequest& request) {
  const auto& facts = model.facts();
  Explanation explanation;
  auto prompt = model.encode_prompt(request.source, request.prefix);
  auto targets = model.encode(request.target);
  if (request.ends && !facts.eos.empty()) targets.push_back(facts.eos.front());
  if (targets.empty()) throw Error(Fault::usage, "there is no token to explain");
  explanation.encoder = std::move(prompt.encoder);
  explanation.decoder = std::move(prompt.decoder);
  explanation.decoder.insert(explanation.decoder.end(), targets.begin(), targets.end() - 1);
  if (facts.max_context && explanation.decoder.size() > *facts.max_context) {
    throw Error(Fault::usage, fmt::format("the text has {} tokens; the model sees at most {}",
                                          explanation.decoder.size(), *facts.max_context));
  }
  judge(model, request, targets, explanation);
  explanation.attention = model.attention(explanation.encoder, explanation.decoder);
  return explanation;
}

}  // namespace trellis::decode

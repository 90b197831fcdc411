#include "core/decode/explanation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/decode/feed.hpp"
#include "core/decode/likelihood.hpp"
#include "core/decode/token_records.hpp"

namespace trellis::decode {
namespace {

void add_record(std::span<const float> logits, std::int32_t token, std::size_t place,
                std::size_t alternatives, Explanation& explanation) {
  RowJudge judge(logits, alternatives);
  if (const char* problem = judge.problem()) {
    throw Error(Fault::plugin,
                fmt::format("the model gave {} for position {} of the text", problem, place + 1));
  }
  explanation.judged.push_back(judge.judge(token));
  explanation.log_probability += explanation.judged.back().log_probability;
}

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
    add_record({rows.logits + i * vocab_size, vocab_size}, targets[i], i, request.top_alternatives,
               explanation);
  }
}

// Judges every target at its own place, and has the whole text read for its attention.
void judge_places(plugin::Model& model, const ExplainRequest& request,
                  const plugin::PromptTokens& prompt, std::span<const std::int32_t> targets,
                  Explanation& explanation) {
  explanation.pseudo = true;
  judge_masked(model, prompt, targets, 32, {},
               [&](std::size_t place, std::span<const float> logits) {
                 add_record(logits, targets[place], place, request.top_alternatives, explanation);
               });
  auto& text = explanation.decoder;
  text = prompt.encoder;
  const auto gap = std::find(text.begin(), text.end(), *model.facts().mask);
  text.insert(text.erase(gap), targets.begin(), targets.end());
}

void require_room(const plugin::ModelFacts& facts, std::size_t tokens) {
  if (facts.max_context && tokens > *facts.max_context) {
    throw Error(Fault::usage, fmt::format("the text has {} tokens; the model sees at most {}",
                                          tokens, *facts.max_context));
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
  if (facts.mask) {
    require_room(facts, plugin::context_used(facts, prompt) + targets.size());
    judge_places(model, request, prompt, targets, explanation);
    explanation.attention = model.attention({}, explanation.decoder);
    return explanation;
  }
  explanation.encoder = std::move(prompt.encoder);
  explanation.decoder = std::move(prompt.decoder);
  explanation.decoder.insert(explanation.decoder.end(), targets.begin(), targets.end() - 1);
  require_room(facts, explanation.decoder.size());
  judge(model, request, targets, explanation);
  explanation.attention = model.attention(explanation.encoder, explanation.decoder);
  return explanation;
}

}  // namespace trellis::decode

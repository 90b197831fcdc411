#include "core/decode/embedding.hpp"

#include <algorithm>

#include "core/decode/feed.hpp"
#include "core/error.hpp"

namespace trellis::decode {
namespace {

struct Text {
  std::vector<std::int32_t> tokens;  // its own
  std::vector<std::int32_t> fed;     // with what stands before them
  plugin::State state;
  Rows rows;
};

void require_vectors(const plugin::ModelFacts& facts) {
  if (facts.hidden_size == 0) {
    throw Error(Fault::usage, "the model gives no vectors of its tokens; take a neural one");
  }
  if (facts.encoder_decoder) {
    throw Error(
        Fault::usage,
        "the model keeps the vectors of its encoder to itself; take one without a decoder of "
        "its own, such as bert or llama");
  }
}

// The tokens of a text, as many as the context has room for.
std::vector<std::int32_t> tokens_of(const plugin::Model& model, const std::string& text,
                                    const plugin::PromptTokens& prompt) {
  auto tokens = model.encode(text);
  if (const auto& context = model.facts().max_context) {
    const auto used = plugin::context_used(model.facts(), prompt);
    tokens.resize(std::min(tokens.size(), *context - std::min(*context, used)));
  }
  return tokens;
}

}  // namespace

std::vector<TokenVectors> embed(plugin::Model& model, std::span<const std::string> texts,
                                std::size_t max_batch, const std::function<bool()>& cancelled) {
  const auto& facts = model.facts();
  require_vectors(facts);
  const auto prompt = model.encode_prompt("", "");
  FeedBatch batch(facts.vocab_size, facts.hidden_size);
  max_batch = std::max<std::size_t>(max_batch, 1);
  std::vector<TokenVectors> vectors(texts.size());
  // The text stands in the gap of an empty one, whose length nobody asks for.
  plugin::State gap;
  if (facts.mask) {
    Rows none;
    gap = model.open_state(prompt.encoder);
    batch.add(gap, prompt.decoder, 0, none, false);
    batch.run(model, {1, 1});
  }
  for (std::size_t begin = 0; begin < texts.size(); begin += max_batch) {
    if (cancelled && cancelled()) throw Error(Fault::cancelled, "scoring was cancelled");
    const std::size_t end = std::min(texts.size(), begin + max_batch);
    std::vector<Text> read(end - begin);
    std::size_t tokens = 0;
    for (std::size_t i = begin; i < end; ++i) {
      auto& text = read[i - begin];
      text.tokens = tokens_of(model, texts[i], prompt);
      if (text.tokens.empty()) continue;
      if (!facts.mask) text.fed = prompt.decoder;
      text.fed.insert(text.fed.end(), text.tokens.begin(), text.tokens.end());
      text.state = facts.mask ? model.fork(gap) : model.open_state(prompt.encoder);
      batch.add(text.state, text.fed, text.tokens.size(), text.rows, false);
      tokens += text.fed.size();
    }
    batch.run(model, {max_batch, std::max<std::size_t>(tokens, 1)});
    for (std::size_t i = begin; i < end; ++i) {
      const auto& rows = read[i - begin].rows;
      vectors[i].assign(rows.hidden, rows.hidden + rows.count * facts.hidden_size);
    }
  }
  return vectors;
}

}  // namespace trellis::decode

#include "core/decode/draft.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace trellis::decode {

DraftStart read_draft_prompt(const plugin::Model& draft, const std::string& source,
                             const std::string& prefix, std::size_t limit) {
  DraftStart start;
  start.tokens = draft.encode_prompt(source, prefix);
  start.limit = limit;
  if (const auto context = draft.facts().max_context) {
    start.limit = std::min(limit, *context - std::min(*context, start.tokens.decoder.size()));
  }
  return start;
}

void require_same_vocabulary(const plugin::Model& model, const plugin::Model& draft) {
  const auto& facts = model.facts();
  const auto& other = draft.facts();
  if (facts.vocab_size != other.vocab_size) {
    throw Error(Fault::usage,
                fmt::format("the draft has a vocabulary of {} tokens and the model one of {}; a "
                            "draft must have the model's own",
                            other.vocab_size, facts.vocab_size));
  }
  auto ends = facts.eos;
  auto other_ends = other.eos;
  std::sort(ends.begin(), ends.end());
  std::sort(other_ends.begin(), other_ends.end());
  if (ends != other_ends) {
    throw Error(Fault::usage,
                "the draft has other end symbols than the model; a draft must have "
                "the model's own vocabulary");
  }
  for (std::size_t id = 0; id < facts.vocab_size; ++id) {
    const auto token = static_cast<std::int32_t>(id);
    if (model.token_text(token) == draft.token_text(token) &&
        model.token_bytes(token) == draft.token_bytes(token)) {
      continue;
    }
    throw Error(Fault::usage,
                fmt::format("token {} is \"{}\" to the draft and \"{}\" to the model; "
                            "a draft must have the model's own vocabulary",
                            token, draft.token_text(token), model.token_text(token)));
  }
}

}  // namespace trellis::decode

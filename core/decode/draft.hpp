/// A second, smaller model that is lent to searches: it proposes, the model decides.
///
/// A draft has a tree of its own beside the model's, on the same tokens, with its own states; the
/// samples of one prompt share it as they share the model's. Used from one thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/decode/frontier.hpp"
#include "core/decode/memory_budget.hpp"
#include "core/plugin/model.hpp"

namespace trellis::decode {

/// A draft at work.
struct Draft {
  Draft(plugin::Model& lent, std::uint64_t state_memory)
      : model(&lent),
        budget(state_memory, lent.facts()),
        frontier(lent.facts().vocab_size, 0, false) {}

  plugin::Model* model;
  MemoryBudget budget;
  Frontier frontier;
  std::vector<FedPath> fed = {};  ///< of the last round
};

/// A prompt that the draft can continue.
struct DraftStart {
  plugin::PromptTokens tokens;
  std::size_t limit = 0;  ///< tokens after the prompt that it may read; 0: it has no room for any
  NodePtr root;           ///< null until the first sample begins, and without room

  std::size_t prompt_tokens() const { return tokens.encoder.size() + tokens.decoder.size(); }
};

/// `prefix` and `source`: as the model is asked to continue them, for at most `limit` tokens.
DraftStart read_draft_prompt(const plugin::Model& draft, const std::string& source,
                             const std::string& prefix, std::size_t limit);

/// Tokens of the two models must mean the same. Throws Error(usage) with the first difference.
void require_same_vocabulary(const plugin::Model& model, const plugin::Model& draft);

}  // namespace trellis::decode

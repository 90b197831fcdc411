/// One text as a model sees it: its tokens, how probable each is after those before it, and where
/// attention looked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/decode/generate.hpp"
#include "core/plugin/model.hpp"

namespace trellis::decode {

struct ExplainRequest {
  std::string source = {};
  std::string prefix = {};  ///< what the decoder begins with, not judged
  std::string target = {};  ///< judged token by token
  bool ends = true;         ///< judge the end symbol after it, too
  std::size_t top_alternatives = 5;
};

struct Explanation {
  std::vector<std::int32_t> encoder;  ///< tokens of the source, for models with an encoder
  std::vector<std::int32_t>
      decoder;                      ///< all that is fed: start symbol, prompt, target but its last
  std::vector<TokenRecord> judged;  ///< the last of `decoder` predicts the last of these
  double log_probability = 0;       ///< sum over `judged`, nats: the chain rule
  bool pseudo = false;  ///< each was judged when it alone was masked, and `decoder` is all the text
  std::vector<plugin::AttentionMap> attention;  ///< empty when the model shows none
};

/// Throws Error(usage) for nothing to judge or more than the model's context, what the model
/// throws, and Error(plugin) for logits or attention that cannot be.
Explanation explain(plugin::Model& model, const ExplainRequest& request);

}  // namespace trellis::decode

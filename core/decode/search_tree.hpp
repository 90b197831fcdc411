/// How a search came to its output: all hypotheses that it kept alive or finished, as a tree,
/// computed again so that nothing of it need be stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/decode/generate.hpp"

namespace trellis::decode {

enum class SearchFate {
  passed,    ///< some hypothesis went on from here
  dropped,   ///< none did
  finished,  ///< a sequence ends here, and another one of the search has a better score
  output,    ///< the output ends here
};

/// One token that the search kept after those of its parents.
struct SearchNode {
  std::optional<std::size_t> parent;  ///< its place in the list, before this one; none: the first
  std::int32_t token = 0;
  double log_probability = 0;  ///< the model's, nats
  double score = 0;            ///< the strategy's own, of the best hypothesis that ended here
  SearchFate fate = SearchFate::dropped;
};

struct SearchTree {
  std::vector<SearchNode> nodes;     ///< in the order in which the search reached them
  std::vector<std::int32_t> output;  ///< what the search answered with, its end symbol included
};

/// Generates `request` of its prompt alone. Throws what generate() throws, and Error(plugin) where
/// the sample fails.
SearchTree search_tree(plugin::Model& model, const Arm& arm, const Prompt& prompt,
                       const SampleRequest& request);

}  // namespace trellis::decode

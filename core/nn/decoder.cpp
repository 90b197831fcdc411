#include "core/nn/decoder.hpp"

namespace trellis::nn {

CachedTokens extend_caches(std::span<const Feed> feeds) {
  CachedTokens tokens;
  tokens.ids = concatenate_tokens(feeds);
  for (const Feed& feed : feeds) {
    kernels::KvCache& cache = static_cast<CachedState*>(feed.state)->cache;
    cache.extend(feed.tokens.size());
    tokens.parts.push_back({&cache, feed.tokens.size()});
  }
  tokens.places = places_of(tokens.parts);
  return tokens;
}

}  // namespace trellis::nn

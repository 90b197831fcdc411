#include "core/nn/decoder.hpp"

#include <algorithm>

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

BandedTokens extend_banded_caches(std::span<const Feed> feeds) {
  BandedTokens tokens;
  tokens.ids = concatenate_tokens(feeds);
  for (const Feed& feed : feeds) {
    auto& state = static_cast<BandedState&>(*feed.state);
    state.dense.extend(feed.tokens.size());
    state.banded.extend(feed.tokens.size());
    tokens.dense.push_back({&state.dense, feed.tokens.size()});
    tokens.banded.push_back({&state.banded, feed.tokens.size()});
  }
  tokens.places = places_of(tokens.dense);
  return tokens;
}

void forget_outside(std::span<const CachePart> banded, std::size_t band) {
  for (const CachePart& part : banded)
    part.cache->forget_before(part.cache->length() - std::min(part.cache->length(), band - 1));
}

}  // namespace trellis::nn

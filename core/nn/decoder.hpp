/// What decoder-only Transformers share in generation: a state that is a cache.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/nn/attention.hpp"
#include "core/nn/network.hpp"

namespace trellis::nn {

struct CachedState : NetworkState {
  explicit CachedState(kernels::KvCache empty) : cache(std::move(empty)) {}
  std::unique_ptr<NetworkState> fork() const override {
    return std::make_unique<CachedState>(*this);
  }
  kernels::KvCache cache;
};

/// The new tokens of all feeds, one state after another.
struct CachedTokens {
  Tensor ids;                    ///< [tokens]
  Tensor places;                 ///< [tokens], in their sequences
  std::vector<CachePart> parts;  ///< caches that are extended by them already
};

/// All states must be CachedState.
CachedTokens extend_caches(std::span<const Feed> feeds);

}  // namespace trellis::nn

/// What decoder-only Transformers share in generation: a state that is a cache, or one for layers
/// that see all and one for those that see a band.
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

struct BandedState : NetworkState {
  BandedState(kernels::KvCache dense_layers, kernels::KvCache banded_layers)
      : dense(std::move(dense_layers)), banded(std::move(banded_layers)) {}
  std::unique_ptr<NetworkState> fork() const override {
    return std::make_unique<BandedState>(*this);
  }
  kernels::KvCache dense;
  kernels::KvCache banded;  ///< forgets what has left the band
};

struct BandedTokens {
  Tensor ids;                     ///< [tokens]
  Tensor places;                  ///< [tokens], in their sequences
  std::vector<CachePart> dense;   ///< caches that are extended already
  std::vector<CachePart> banded;  ///< likewise
};

/// All states must be BandedState.
BandedTokens extend_banded_caches(std::span<const Feed> feeds);
/// Once the tokens were fed: lets go of what no later token sees.
void forget_outside(std::span<const CachePart> banded, std::size_t band);

}  // namespace trellis::nn

#include "core/decode/memory_budget.hpp"

namespace trellis::decode {

MemoryBudget::MemoryBudget(std::uint64_t bytes, const plugin::ModelFacts& facts)
    : limit_(facts.state_bytes ? bytes : 0),
      costs_(facts.state_bytes.value_or(plugin::StateBytes{})),
      row_bytes_((facts.vocab_size + facts.hidden_size) * sizeof(float)) {}

std::uint64_t MemoryBudget::tree_bytes(const SampleSize& size) const {
  return costs_.per_state + costs_.per_token * size.prompt_tokens + row_bytes_;
}

std::uint64_t MemoryBudget::sample_bytes(const SampleSize& size) const {
  const std::uint64_t tokens = size.new_tokens + (costs_.forks_share ? 0 : size.prompt_tokens);
  return size.width * (costs_.per_state + costs_.per_token * tokens + row_bytes_);
}

bool MemoryBudget::fits(const SampleSize& size) const {
  if (limit_ == 0) return true;
  const std::uint64_t tree = trees_.contains(size.tree) ? 0 : tree_bytes(size);
  return promised_ + tree + sample_bytes(size) <= limit_;
}

void MemoryBudget::add(const SampleSize& size) {
  if (trees_[size.tree]++ == 0) promised_ += tree_bytes(size);
  promised_ += sample_bytes(size);
}

void MemoryBudget::remove(const SampleSize& size) {
  promised_ -= sample_bytes(size);
  const auto tree = trees_.find(size.tree);
  if (--tree->second > 0) return;
  promised_ -= tree_bytes(size);
  trees_.erase(tree);
}

}  // namespace trellis::decode

/// Samples that take more than one turn: what was said so far, and what the model is asked next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/decode/generate.hpp"
#include "core/plugin/task.hpp"

namespace trellis::experiments {

/// A sample on its way. Of a task without turns it has one.
struct Conversation {
  std::size_t sample = 0;  ///< index into the requests of the sweep
  std::vector<decode::Generation> turns;
};

/// The turns as tasks see them.
std::vector<plugin::Turn> turns_of(const Conversation& conversation);

/// The outputs of all turns with a line feed between them.
std::string transcript(const Conversation& conversation);

/// What one call of decode::generate() is to make.
struct Round {
  std::vector<decode::Prompt> prompts;
  std::vector<decode::SampleRequest> requests;
  std::vector<std::size_t> samples;  ///< by request: index into the requests of the sweep

  /// Adds one; `request` need not name its prompt. Samples of one example that are added in a row
  /// and are asked the same share a prompt and stand together.
  void add(std::size_t sample, decode::Prompt prompt, decode::SampleRequest request);
};

/// Adds up what rounds cost one after the other.
void add_totals(decode::GenerateTotals& sum, const decode::GenerateTotals& round);

}  // namespace trellis::experiments

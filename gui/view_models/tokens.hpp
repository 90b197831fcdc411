/// The tokens of one sample under several trials: where they part, how probable each was.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gui/snapshot.hpp"
#include "gui/theme.hpp"

namespace trellis::gui {

/// The first position where not all of the samples have the same token; nothing where they never
/// part or there are fewer than two.
std::optional<std::size_t> parting(const SampleTokens& tokens);

/// Sum of log-probabilities of the first `count` tokens, in nats: the chain rule.
double log_probability_of(const storage::SampleRecord& sample, std::size_t count);

/// What a colour stands for, as a share of its scale from 0 (sure) to 1 (surprising).
double surprise_of(const storage::Token& token, TokenColour colour);

struct Alternative {
  std::string text;
  double probability = 0;
  double mass = 0;  ///< of this and all more probable ones
  bool taken = false;
};
/// The most probable tokens at that position, most probable first; the one taken is among them (at
/// the end, with no mass known, where it was not among the recorded).
std::vector<Alternative> alternatives_of(const storage::Token& token);

/// The query of one cell's weights: the decoder's token before output position `position`, whose
/// row says what the model looked at to write that position.
std::optional<std::size_t> query_of(const Attention& attention, std::size_t position);
/// The map of that layer and head among those of a kind; null where there is none.
const AttentionMap* find_map(const Attention& attention, const std::string& kind, std::size_t layer,
                             std::size_t head);
/// "cross" where the model has an encoder, else "self".
std::string main_kind(const Attention& attention);

}  // namespace trellis::gui

/// Tokens that a config names: texts, ids, and sequences of ids.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "trellis/sdk/strategy.hpp"

namespace trellis::processors {

using Tokens = std::vector<std::int32_t>;

/// A list of token sequences, each from an element of a setting. Ids are checked when the list is
/// made, texts become ids when it is bound to a vocabulary.
class TokenSequences {
 public:
  /// elements: a text is what the model splits into one sequence, a number is one id. sequences:
  /// ids with spaces between. Throws Failure when one is malformed.
  TokenSequences(const std::vector<sdk::Json>& elements,
                 const std::vector<std::string>& sequences) {
    for (const auto& element : elements) {
      if (element.is_string()) {
        texts_.emplace_back(all_.size(), element.get<std::string>());
        all_.emplace_back();
      } else {
        all_.push_back({id_of(element)});
      }
    }
    for (const auto& line : sequences) all_.push_back(ids_of(line));
  }

  /// Throws Failure: a text that the vocabulary cannot write, an id outside it.
  void bind(const trellis_vocabulary& vocabulary) {
    for (const auto& [place, text] : texts_) all_[place] = sdk::encode(vocabulary, text);
    texts_.clear();
    check(vocabulary.vocab_size);
  }

  /// For logits of this size. Throws Failure when an id lies outside them.
  const std::vector<Tokens>& of(std::size_t vocab_size) const {
    check(vocab_size);
    return all_;
  }

 private:
  static std::int32_t id_of(const sdk::Json& value) {
    if (!value.is_number_integer() || value < 0 || value > INT32_MAX) {
      throw sdk::Failure(TRELLIS_INVALID_ARGUMENT, value.dump() + " is no token id");
    }
    return value.get<std::int32_t>();
  }

  static Tokens ids_of(const std::string& line) {
    Tokens ids;
    std::size_t begin = 0;
    while ((begin = line.find_first_not_of(' ', begin)) != std::string::npos) {
      const auto end = line.find(' ', begin);
      const auto word = line.substr(begin, end - begin);
      const auto value = sdk::Json::parse(word, nullptr, false);
      ids.push_back(id_of(value.is_discarded() ? sdk::Json(word) : value));
      begin = end == std::string::npos ? line.size() : end;
    }
    if (ids.empty()) throw sdk::Failure(TRELLIS_INVALID_ARGUMENT, "a sequence without token ids");
    return ids;
  }

  void check(std::size_t vocab_size) const {
    if (!texts_.empty()) {
      throw sdk::Failure(TRELLIS_INVALID_ARGUMENT,
                         "its settings name tokens by text, and no vocabulary was given");
    }
    for (const auto& sequence : all_) {
      for (const auto id : sequence) {
        if (static_cast<std::size_t>(id) < vocab_size) continue;
        throw sdk::Failure(TRELLIS_INVALID_ARGUMENT, "token id " + std::to_string(id) +
                                                         " is outside the vocabulary of " +
                                                         std::to_string(vocab_size));
      }
    }
  }

  std::vector<Tokens> all_;
  std::vector<std::pair<std::size_t, std::string>> texts_;  // place in all_, not yet encoded
};

/// The last token of `sequence` comes next: what precedes it in `sequence` ends `history`.
inline bool continues(std::span<const std::int32_t> history,
                      std::span<const std::int32_t> sequence) {
  const auto before = sequence.first(sequence.size() - 1);
  return before.size() <= history.size() &&
         std::equal(before.begin(), before.end(),
                    history.end() - static_cast<std::ptrdiff_t>(before.size()));
}

}  // namespace trellis::processors

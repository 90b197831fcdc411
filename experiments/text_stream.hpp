/// A text as its tokens come in, in whole characters.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/plugin/model.hpp"

namespace trellis::experiments {

/// One text of one model, which must outlive it.
class TextStream {
 public:
  explicit TextStream(const plugin::Model& model) : model_(model) {}

  /// `tokens`: all so far, those of earlier calls included. What they make certain of the text and
  /// was not told before.
  std::string grow(std::span<const std::int32_t> tokens);

 private:
  const plugin::Model& model_;
  std::size_t context_ = 0;  // where decoding begins, for what depends on the token before
  std::size_t told_ = 0;     // tokens whose text was told
};

}  // namespace trellis::experiments

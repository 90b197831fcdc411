/// How a text becomes the tokens that a model is fed: with the special symbols of models that are
/// trained here, or as a published tokenizer has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer.hpp"

namespace trellis::nn {

struct EncodedPrompt {
  std::vector<std::int32_t> encoder;
  std::vector<std::int32_t> decoder;  ///< at least the start symbol
};

/// Immutable.
class PromptForm {
 public:
  virtual ~PromptForm() = default;
  virtual EncodedPrompt encode(const text::Tokenizer& tokenizer, std::string_view source,
                               std::string_view prefix) const = 0;
  /// What the encoder reads when there is no source.
  virtual std::vector<std::int32_t> empty_source() const = 0;

  std::optional<std::int32_t> begin;
  std::vector<std::int32_t> ends;
};

/// With an encoder: source <eos> | <bos> prefix. Without: <bos> source <sep> prefix, or without a
/// source <bos> prefix. Longer sources are cut at their end.
std::unique_ptr<PromptForm> trained_form(bool encoder_decoder, std::size_t source_limit);

struct PublishedFormOptions {
  bool encoder_decoder = false;
  std::optional<std::int32_t> begin;  ///< the decoder's start, where the tokenizer adds none
  std::vector<std::int32_t> ends;
};
/// Without an encoder: source and prefix as one text, after what the tokenizer puts before every
/// text. With one: source with all that the tokenizer adds | the start symbol, prefix.
std::unique_ptr<PromptForm> published_form(const PublishedFormOptions& options);

/// The tokens that a model of masked places has around a text.
struct MaskedSymbols {
  std::int32_t begin = 0;
  std::int32_t separator = 0;  ///< behind a source that is a text of its own
  std::int32_t end = 0;
  std::int32_t mask = 0;
};

/// Of a published vocabulary [CLS], [SEP], [SEP] and [MASK]; of one trained here <bos>, <sep>,
/// <eos> and the id behind its last. Throws Error(bad_data) for a published one without them.
MaskedSymbols masked_symbols(const text::Tokenizer& tokenizer);

/// The whole text with a mask in its gap | the mask. The gap is where `gap_mark` stands in the
/// source or in the prefix: begin before mask behind end; else at the end: begin source separator
/// prefix mask end. A mask that is written in the text is the gap where there is no mark. `limit`:
/// most tokens of the text, of which those around the gap are kept; 0: any.
std::unique_ptr<PromptForm> masked_form(std::string gap_mark, std::size_t limit);

}  // namespace trellis::nn

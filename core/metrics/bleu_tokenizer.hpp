/// The tokenizers of BLEU, as sacrebleu 2 (Post 2018) defines them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trellis::metrics {

enum class BleuTokenizer {
  mteval_13a,     ///< "13a": the WMT evaluation script's
  international,  ///< "intl": by Unicode punctuation and symbols
  chinese,        ///< "zh": every Chinese character alone, the rest as 13a
  character,      ///< "char": every code point but white space
  none            ///< "none": the text is already tokenized, split at white space
};

/// By sacrebleu's name. Throws Error(usage) for another name.
BleuTokenizer bleu_tokenizer(std::string_view name);
std::string_view name_of(BleuTokenizer tokenizer);

/// Tokens of one segment; trailing white space does not matter.
std::vector<std::string> bleu_tokens(std::string_view segment, BleuTokenizer tokenizer);
/// The same as views of `text`, into which the segment is rewritten.
std::vector<std::string_view> bleu_tokens(std::string_view segment, BleuTokenizer tokenizer,
                                          std::string& text);

}  // namespace trellis::metrics

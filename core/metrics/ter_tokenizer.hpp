/// Words as TER sees them: the tokenizer of Tercom (Snover et al. 2006) as sacrebleu has it.
#pragma once

#include <string>
#include <string_view>

namespace trellis::metrics {

struct TerOptions {
  bool normalized = false;      ///< cut off punctuation, unescape &quot; &amp; &lt; &gt;
  bool no_punctuation = false;  ///< leave out . , ? : ; ! " ( )
  bool asian_support = false;  ///< the same for Asian punctuation; with `normalized`, every Chinese
                               ///< character is a word
  bool case_sensitive = false;
};

/// The text, rewritten so that white space separates its words.
std::string ter_words(std::string_view segment, const TerOptions& options);

}  // namespace trellis::metrics

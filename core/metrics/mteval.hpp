/// The rewriting rules of the WMT evaluation script mteval-v13a, which both BLEU's and TER's
/// tokenizers are made of (Papineni et al. 2002; NIST 2009).
#pragma once

#include <string>
#include <string_view>

namespace trellis::metrics {

/// &quot; &amp; &lt; &gt; become what they stand for, in this order; nothing else does.
void unescape_entities(std::string& text);

/// Puts spaces around every ASCII punctuation mark but ' , - and the full stop. (The script puts
/// them around spaces too, which changes no word.)
std::string isolate_punctuation(std::string_view line);

/// Cuts off a full stop or comma unless a digit stands before it, then unless one follows, then a
/// dash behind a digit. Each rule goes over the whole text before the next; its matches are one or
/// two characters long and do not overlap.
void cut_numbers(std::string& text);

}  // namespace trellis::metrics

/// Unicode normalization that remembers where each code point came from.
#pragma once

#include <vector>

#include "core/text/aligned_text.hpp"

namespace trellis::text {

enum class UnicodeForm { nfc, nfd, nfkc, nfkd };

/// Brings the code points of a whole run into the form. A run may begin and end where nothing that
/// is outside can combine with it. What one code point becomes has its place; several that become
/// one have the place of the first; where marks change their order, places stay in order.
void normalize(std::vector<PlacedCodePoint>& points, UnicodeForm form);

/// Whether UTF-8 text is in the form already; may say no where it is.
bool is_normalized(std::string_view text, UnicodeForm form);

}  // namespace trellis::text

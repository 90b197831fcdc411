/// Porter's stemmer (Porter 1980) with the changes that NLTK makes by default, which is what
/// ROUGE's published figures use. libstemmer's "porter" is the original and gives other stems.
#pragma once

#include <string>
#include <string_view>

namespace trellis::metrics {

/// `word` is lower-case ASCII.
std::string porter_stem(std::string_view word);

}  // namespace trellis::metrics

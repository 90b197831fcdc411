/// Text like a person's, made from a seed: sizes that no shipped file has, the same everywhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace trellis::bench {

/// Sentences of 5 to 25 words until they hold this many bytes. Words are drawn by Zipf's law from
/// 50,000 that syllables make up, short ones first; some have umlauts, capitals and punctuation.
std::vector<std::string> sentences(std::size_t bytes, std::uint64_t seed);

}  // namespace trellis::bench

/// How alike two texts are, by the fewest insertions, deletions and substitutions (Levenshtein
/// 1966).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace trellis::metrics {

std::size_t edit_distance(std::u32string_view a, std::u32string_view b);

/// What is inserted, deleted and substituted. Words are what white space separates.
enum class EditUnit { code_point, byte, word };

/// 1 - distance / longer length; 1 for two empty texts.
double edit_similarity(std::string_view a, std::string_view b,
                       EditUnit unit = EditUnit::code_point);

/// The best over the references, in code points; 0 without any.
double edit_similarity(std::string_view output, std::span<const std::string> references);

}  // namespace trellis::metrics

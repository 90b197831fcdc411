#include "core/metrics/edit_similarity.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/metrics/ngrams.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

std::u32string units_of(std::string_view text, EditUnit unit, TokenNumbers& words) {
  switch (unit) {
    case EditUnit::byte: {
      std::u32string bytes;
      for (const char byte : text) bytes.push_back(static_cast<unsigned char>(byte));
      return bytes;
    }
    case EditUnit::word:
      return words.of(text::split_white_space(text));
    case EditUnit::code_point:
      break;
  }
  const auto code_points = text::to_code_points(text);
  return {code_points.begin(), code_points.end()};
}

}  // namespace

std::size_t edit_distance(std::u32string_view a, std::u32string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

double edit_similarity(std::string_view a, std::string_view b, EditUnit unit) {
  TokenNumbers words;
  const auto left = units_of(a, unit, words);
  const auto right = units_of(b, unit, words);
  const auto longer = std::max(left.size(), right.size());
  if (longer == 0) return 1;
  return 1 - static_cast<double>(edit_distance(left, right)) / static_cast<double>(longer);
}

double edit_similarity(std::string_view output, std::span<const std::string> references) {
  double best = 0;
  for (const auto& reference : references) {
    best = std::max(best, edit_similarity(output, std::string_view(reference)));
  }
  return best;
}

}  // namespace trellis::metrics

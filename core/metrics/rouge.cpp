#include "core/metrics/rouge.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "core/metrics/ngrams.hpp"
#include "core/metrics/porter_stemmer.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

constexpr std::size_t kLongestUnstemmed = 3;

RougeScore score_of(std::size_t hits, std::size_t target, std::size_t prediction) {
  if (hits == 0) return {};
  RougeScore score;
  score.precision = static_cast<double>(hits) / static_cast<double>(prediction);
  score.recall = static_cast<double>(hits) / static_cast<double>(target);
  score.f_measure = 2 * score.precision * score.recall / (score.precision + score.recall);
  return score;
}

/// Lengths of the longest common subsequences of all beginnings: [(a + 1) * (b
/// + 1)].
std::vector<std::uint32_t> subsequence_lengths(std::u32string_view a, std::u32string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::uint32_t> lengths((a.size() + 1) * width, 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      lengths[i * width + j] =
          a[i - 1] == b[j - 1] ? lengths[(i - 1) * width + j - 1] + 1
                               : std::max(lengths[(i - 1) * width + j], lengths[i * width + j - 1]);
    }
  }
  return lengths;
}

/// Marks the positions of `target` that a longest common subsequence with
/// `prediction` takes. Which of several is taken matters for the union, so the
/// way back is rouge-score's.
void mark_subsequence(std::u32string_view target, std::u32string_view prediction,
                      std::vector<bool>& marked) {
  const auto lengths = subsequence_lengths(target, prediction);
  const std::size_t width = prediction.size() + 1;
  std::size_t i = target.size();
  std::size_t j = prediction.size();
  while (i > 0 && j > 0) {
    if (target[i - 1] == prediction[j - 1]) {
      marked[i - 1] = true;
      --i;
      --j;
    } else if (lengths[i * width + j - 1] > lengths[(i - 1) * width + j]) {
      --j;
    } else {
      --i;
    }
  }
}

/// Tokens of each line that is not empty.
std::vector<std::vector<std::string>> lines_of(std::string_view text, bool stem) {
  std::vector<std::vector<std::string>> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.push_back(rouge_tokens(text.substr(0, end), stem));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<std::u32string> numbered(const std::vector<std::vector<std::string>>& lines,
                                     TokenNumbers& numbers) {
  std::vector<std::u32string> result;
  result.reserve(lines.size());
  for (const auto& tokens : lines) result.push_back(numbers.of(tokens));
  return result;
}

std::size_t total_size(const std::vector<std::u32string>& lines) {
  return std::accumulate(lines.begin(), lines.end(), std::size_t{0},
                         [](std::size_t sum, const auto& line) { return sum + line.size(); });
}

std::unordered_map<char32_t, std::size_t> token_counts(const std::vector<std::u32string>& lines) {
  std::unordered_map<char32_t, std::size_t> counts;
  for (const auto& line : lines) {
    for (const auto token : line) ++counts[token];
  }
  return counts;
}

void keep_better(const RougeScore& score, RougeScore& best) {
  if (score.f_measure > best.f_measure) best = score;
}

}  // namespace

std::vector<std::string> rouge_tokens(std::string_view text, bool stem) {
  std::vector<std::string> tokens;
  std::string token;
  const auto finish = [&] {
    if (token.empty()) return;
    tokens.push_back(stem && token.size() > kLongestUnstemmed ? porter_stem(token) : token);
    token.clear();
  };
  for (const char c : text::to_lower(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      token.push_back(c);
    } else {
      finish();
    }
  }
  finish();
  return tokens;
}

RougeScore rouge_n(std::span<const std::string> target, std::span<const std::string> prediction,
                   std::size_t n) {
  TokenNumbers numbers;
  const auto a = numbers.of(target);
  const auto b = numbers.of(prediction);
  return score_of(clipped_matches(b, {&a, 1}, n).back(), ngram_total(a.size(), n),
                  ngram_total(b.size(), n));
}

RougeScore rouge_l(std::span<const std::string> target, std::span<const std::string> prediction) {
  TokenNumbers numbers;
  const auto a = numbers.of(target);
  const auto b = numbers.of(prediction);
  return score_of(subsequence_lengths(a, b).back(), a.size(), b.size());
}

RougeScore rouge_lsum(std::string_view target, std::string_view prediction, bool stem) {
  const auto target_tokens = lines_of(target, stem);
  const auto prediction_tokens = lines_of(prediction, stem);
  TokenNumbers numbers;
  const auto target_lines = numbered(target_tokens, numbers);
  const auto prediction_lines = numbered(prediction_tokens, numbers);

  auto left_in_target = token_counts(target_lines);
  auto left_in_prediction = token_counts(prediction_lines);
  std::size_t hits = 0;
  for (const auto& line : target_lines) {
    std::vector<bool> marked(line.size(), false);
    for (const auto& other : prediction_lines) mark_subsequence(line, other, marked);
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (!marked[i]) continue;
      // No token is counted more often than either side has it.
      auto& in_target = left_in_target[line[i]];
      auto& in_prediction = left_in_prediction[line[i]];
      if (in_target == 0 || in_prediction == 0) continue;
      --in_target;
      --in_prediction;
      ++hits;
    }
  }
  return score_of(hits, total_size(target_lines), total_size(prediction_lines));
}

RougeScores rouge(std::string_view prediction, std::span<const std::string> references, bool stem) {
  const auto tokens = rouge_tokens(prediction, stem);
  RougeScores best;
  for (const auto& reference : references) {
    const auto target = rouge_tokens(reference, stem);
    keep_better(rouge_n(target, tokens, 1), best.rouge_1);
    keep_better(rouge_n(target, tokens, 2), best.rouge_2);
    keep_better(rouge_l(target, tokens), best.rouge_l);
    keep_better(rouge_lsum(reference, prediction, stem), best.rouge_lsum);
  }
  return best;
}

}  // namespace trellis::metrics

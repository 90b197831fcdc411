#include "core/metrics/bleu.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/metrics/ngrams.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

// Views of `text`.
std::vector<std::string_view> tokens_of(std::string_view segment, const BleuOptions& options,
                                        std::string& text) {
  if (options.lowercase) return bleu_tokens(text::to_lower(segment), options.tokenizer, text);
  return bleu_tokens(segment, options.tokenizer, text);
}

std::size_t closest_length(std::size_t length, const std::vector<std::u32string>& references) {
  std::size_t closest = references.front().size();
  const auto distance = [length](std::size_t other) {
    return other > length ? other - length : length - other;
  };
  for (const auto& reference : references) {
    const std::size_t size = reference.size();
    if (distance(size) < distance(closest) ||
        (distance(size) == distance(closest) && size < closest)) {
      closest = size;
    }
  }
  return closest;
}

double smoothing_value(const BleuOptions& options) {
  return options.smoothing_value.value_or(options.smoothing == BleuSmoothing::floor ? 0.1 : 1.0);
}

/// sacrebleu's logarithm of 0: far below any other, yet a number.
double log_or_lowest(double value) {
  return value == 0 ? -9999999999.0 : std::log(value);
}

double brevity_penalty(double output_length, double reference_length) {
  if (output_length >= reference_length) return 1;
  return output_length > 0 ? std::exp(1 - reference_length / output_length) : 0.0;
}

}  // namespace

std::vector<double> bleu_statistics(std::string_view output,
                                    std::span<const std::string> references,
                                    const BleuOptions& options) {
  // What the numbers are given to must stay.
  std::string output_text;
  std::vector<std::string> texts(references.size());
  TokenNumbers numbers;
  const auto hypothesis = numbers.of(tokens_of(output, options, output_text));
  std::vector<std::u32string> numbered;
  numbered.reserve(references.size());
  for (std::size_t i = 0; i < references.size(); ++i) {
    numbered.push_back(numbers.of(tokens_of(references[i], options, texts[i])));
  }

  std::vector<double> statistics(2 + 2 * options.max_order, 0.0);
  statistics[0] = static_cast<double>(hypothesis.size());
  statistics[1] = static_cast<double>(closest_length(hypothesis.size(), numbered));
  const auto matches = clipped_matches(hypothesis, numbered, options.max_order);
  for (std::size_t n = 1; n <= options.max_order; ++n) {
    statistics[1 + n] = static_cast<double>(matches[n - 1]);
    statistics[1 + options.max_order + n] = static_cast<double>(ngram_total(hypothesis.size(), n));
  }
  return statistics;
}

BleuScore bleu_score(std::span<const double> statistics, const BleuOptions& options) {
  const std::size_t orders = options.max_order;
  const auto matches = statistics.subspan(2, orders);
  const auto totals = statistics.subspan(2 + orders, orders);
  BleuScore result;
  result.precisions.assign(orders, 0.0);
  result.brevity_penalty = brevity_penalty(statistics[0], statistics[1]);
  if (std::all_of(matches.begin(), matches.end(), [](double count) { return count == 0; })) {
    return result;
  }
  std::size_t used_orders = orders;
  double halvings = 1;
  for (std::size_t i = 0; i < orders; ++i) {
    const double added =
        options.smoothing == BleuSmoothing::add_k && i > 0 ? smoothing_value(options) : 0.0;
    const double match = matches[i] + added;
    const double total = totals[i] + added;
    if (total == 0) break;
    if (options.effective_order) used_orders = i + 1;
    if (match != 0) {
      result.precisions[i] = 100 * match / total;
    } else if (options.smoothing == BleuSmoothing::exponential) {
      halvings *= 2;
      result.precisions[i] = 100 / (halvings * total);
    } else if (options.smoothing == BleuSmoothing::floor) {
      result.precisions[i] = 100 * smoothing_value(options) / total;
    }
  }
  double logarithms = 0;
  for (std::size_t i = 0; i < used_orders; ++i) logarithms += log_or_lowest(result.precisions[i]);
  result.score = result.brevity_penalty * std::exp(logarithms / static_cast<double>(used_orders));
  return result;
}

SampleValue bleu(std::string_view output, std::span<const std::string> references,
                 const BleuOptions& options) {
  if (references.empty()) return {};
  SampleValue sample;
  sample.statistics = bleu_statistics(output, references, options);
  auto sentence = options;
  sentence.effective_order = true;
  sample.value = bleu_score(sample.statistics, sentence).score;
  return sample;
}

std::string bleu_signature(const BleuOptions& options, std::optional<std::size_t> references) {
  std::string smoothing;
  switch (options.smoothing) {
    case BleuSmoothing::exponential:
      smoothing = "exp";
      break;
    case BleuSmoothing::floor:
      smoothing = fmt::format("floor[{:.2f}]", smoothing_value(options));
      break;
    case BleuSmoothing::add_k:
      smoothing = fmt::format("add-k[{:.2f}]", smoothing_value(options));
      break;
    case BleuSmoothing::none:
      smoothing = "none";
      break;
  }
  return fmt::format("nrefs:{}|case:{}|eff:{}|tok:{}|smooth:{}",
                     references ? std::to_string(*references) : "var",
                     options.lowercase ? "lc" : "mixed", options.effective_order ? "yes" : "no",
                     name_of(options.tokenizer), smoothing);
}

}  // namespace trellis::metrics

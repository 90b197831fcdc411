#include "core/metrics/metric.hpp"

#include <algorithm>
#include <array>

#include "core/metrics/answers.hpp"
#include "core/metrics/bert_score.hpp"
#include "core/metrics/bleu.hpp"
#include "core/metrics/calibration.hpp"
#include "core/metrics/chrf.hpp"
#include "core/metrics/edit_similarity.hpp"
#include "core/metrics/expert_use.hpp"
#include "core/metrics/exposure.hpp"
#include "core/metrics/gleu.hpp"
#include "core/metrics/mauve.hpp"
#include "core/metrics/meteor.hpp"
#include "core/metrics/ratios.hpp"
#include "core/metrics/rouge.hpp"
#include "core/metrics/sari.hpp"
#include "core/metrics/self_bleu.hpp"
#include "core/metrics/ter.hpp"
#include "core/metrics/text_statistics.hpp"
#include "core/metrics/word_groups.hpp"
#include "core/metrics/wordnet.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

using Sums = std::span<const double>;
using Outputs = std::span<const std::vector<std::string>>;

double corpus_bleu(Sums sums) {
  return bleu_score(sums, {}).score;
}

double corpus_chrf(Sums sums) {
  return chrf_score(sums, {});
}

double corpus_chrf_plus_plus(Sums sums) {
  return chrf_score(sums, {.word_order = 2});
}

template <BleuTokenizer tokenizer, bool lowercase>
SampleValue bleu_of(const ScoredText& text) {
  BleuOptions options;
  options.tokenizer = tokenizer;
  options.lowercase = lowercase;
  return bleu(text.output, text.references, options);
}

template <std::size_t word_order>
SampleValue chrf_of(const ScoredText& text) {
  return chrf(text.output, text.references, {.word_order = word_order});
}

SampleValue ter_of(const ScoredText& text) {
  return ter(text.output, text.references);
}

SampleValue gleu_of(const ScoredText& text) {
  return gleu(text.source, text.output, text.references);
}

SampleValue meteor_of(const ScoredText& text) {
  return meteor(text.output, text.references);
}

void require_wordnet() {
  installed_wordnet();
}

SampleValue sari_of(const ScoredText& text) {
  return sari(text.source, text.output, text.references);
}

template <RougeScore RougeScores::*kind>
SampleValue rouge_of(const ScoredText& text) {
  if (text.references.empty()) return {};
  return {(rouge(text.output, text.references, true).*kind).f_measure, {}};
}

template <AnswerForm form>
SampleValue exact_match_of(const ScoredText& text) {
  if (text.references.empty()) return {};
  return {exact_match(text.output, text.references, form), {}};
}

template <AnswerForm form>
SampleValue f1_of(const ScoredText& text) {
  if (text.references.empty()) return {};
  return {token_f1(text.output, text.references, form), {}};
}

SampleValue edit_similarity_of(const ScoredText& text) {
  if (text.references.empty()) return {};
  return {edit_similarity(text.output, text.references), {}};
}

SampleValue unchanged_of(const ScoredText& text) {
  return {text::strip(text.output) == text::strip(text.source) ? 1.0 : 0.0, {}};
}

template <std::size_t n>
SampleValue distinct_of(const ScoredText& text) {
  return {distinct_ngrams(text.tokens, n), {}};
}

SampleValue repetition_of(const ScoredText& text) {
  return {repeated_ngrams(text.tokens), {}};
}

template <std::size_t window>
SampleValue repeated_tokens_of(const ScoredText& text) {
  return {repeated_tokens(text.tokens, window), {}};
}

SampleValue length_of(const ScoredText& text) {
  return {static_cast<double>(text.tokens.size()), {}};
}

template <std::size_t n>
std::optional<double> pooled_distinct(Outputs outputs) {
  return distinct_ngrams(outputs, n);
}

std::optional<double> pooled_entropy(Outputs outputs) {
  return ngram_entropy(outputs, 1);
}

std::optional<double> mean_self_bleu(Outputs outputs) {
  const auto scores = self_bleu(outputs);
  if (!scores) return std::nullopt;
  double sum = 0;
  for (const double score : *scores) sum += score;
  return 100 * sum / static_cast<double>(scores->size());
}

constexpr std::size_t kBleu = 2 + 2 * 4;
constexpr std::size_t kChrf = 3UL * 6;
constexpr std::size_t kChrfPlusPlus = 3UL * (6 + 2);
constexpr std::size_t kGleu = 2 + 2 * 4;
constexpr std::size_t kSari = 3UL * 3 * 4;

constexpr MetricDefinition summed(std::string_view name, std::string_view summary, bool higher,
                                  double (*from_statistics)(Sums), std::size_t count,
                                  SampleValue (*of_text)(const ScoredText&)) {
  return {name, summary, higher, from_statistics, count, false, of_text};
}

constexpr MetricDefinition averaged(std::string_view name, std::string_view summary, bool higher,
                                    SampleValue (*of_text)(const ScoredText&)) {
  return {name, summary, higher, nullptr, 0, false, of_text};
}

constexpr MetricDefinition of_tokens(std::string_view name, std::string_view summary,
                                     std::optional<bool> higher,
                                     SampleValue (*of_text)(const ScoredText&)) {
  return {name, summary, higher, nullptr, 0, true, of_text};
}

constexpr MetricDefinition of_all(std::string_view name, std::string_view summary,
                                  std::optional<bool> higher,
                                  std::optional<double> (*of_outputs)(Outputs)) {
  return {name, summary, higher, nullptr, 0, true, nullptr, of_outputs};
}

constexpr std::array kMetrics{
    summed("bleu", "BLEU as sacrebleu computes it, 0 to 100", true, &corpus_bleu, kBleu,
           &bleu_of<BleuTokenizer::mteval_13a, false>),
    summed("bleu_lowercase", "BLEU of lower-cased text as sacrebleu computes it, 0 to 100", true,
           &corpus_bleu, kBleu, &bleu_of<BleuTokenizer::mteval_13a, true>),
    summed("bleu_tokenized", "BLEU of text that is already tokenized, 0 to 100", true, &corpus_bleu,
           kBleu, &bleu_of<BleuTokenizer::none, false>),
    summed("bleu_zh", "BLEU of Chinese, cut into characters, 0 to 100", true, &corpus_bleu, kBleu,
           &bleu_of<BleuTokenizer::chinese, false>),
    summed("bleu_intl", "BLEU of words cut by Unicode's punctuation, 0 to 100", true, &corpus_bleu,
           kBleu, &bleu_of<BleuTokenizer::international, false>),
    summed("bleu_char", "BLEU of characters, 0 to 100", true, &corpus_bleu, kBleu,
           &bleu_of<BleuTokenizer::character, false>),
    summed("chrf", "chrF2 as sacrebleu computes it, 0 to 100", true, &corpus_chrf, kChrf,
           &chrf_of<0>),
    summed("chrf++", "chrF2++ as sacrebleu computes it, 0 to 100", true, &corpus_chrf_plus_plus,
           kChrfPlusPlus, &chrf_of<2>),
    summed("ter", "edits and shifts a hundred words of reference", false, &ter_of_sums, 2, &ter_of),
    summed("gleu", "BLEU less what should have been corrected, 0 to 100", true, &gleu_of_sums,
           kGleu, &gleu_of),
    summed("sari", "F-measure of what is added, kept and deleted, 0 to 100", true, &sari_of_sums,
           kSari, &sari_of),
    MetricDefinition{"meteor", "words, stems and WordNet synonyms in common, 0 to 1; English", true,
                     &meteor_of_sums, kMeteorStatistics, false, &meteor_of, nullptr, false,
                     &require_wordnet},
    averaged("rouge1", "F-measure of common words, 0 to 1", true, &rouge_of<&RougeScores::rouge_1>),
    averaged("rouge2", "F-measure of common word pairs, 0 to 1", true,
             &rouge_of<&RougeScores::rouge_2>),
    averaged("rougeL", "F-measure of the longest common subsequence, 0 to 1", true,
             &rouge_of<&RougeScores::rouge_l>),
    averaged("rougeLsum", "rougeL sentence by sentence, 0 to 1", true,
             &rouge_of<&RougeScores::rouge_lsum>),
    averaged("exact_match", "share of outputs equal to a reference", true,
             &exact_match_of<AnswerForm::raw>),
    averaged("exact_match_normalized", "the same without case, punctuation and English articles",
             true, &exact_match_of<AnswerForm::normalized>),
    averaged("exact_match_zh", "the same of Chinese, without case and punctuation", true,
             &exact_match_of<AnswerForm::chinese>),
    averaged("f1", "F-measure of the words shared with the best reference, 0 to 1", true,
             &f1_of<AnswerForm::normalized>),
    averaged("f1_zh", "F-measure of the Chinese characters shared with the best reference, 0 to 1",
             true, &f1_of<AnswerForm::chinese>),
    averaged("edit_similarity", "1 - edit distance / longer length, in characters", true,
             &edit_similarity_of),
    MetricDefinition{"unchanged", "share of outputs equal to their source", std::nullopt, nullptr,
                     0, false, &unchanged_of},
    of_tokens("distinct_1", "share of different tokens within an output", true, &distinct_of<1>),
    of_tokens("distinct_2", "share of different token pairs within an output", true,
              &distinct_of<2>),
    of_tokens("repetition", "share of 4-grams of tokens said before in the output", false,
              &repetition_of),
    of_tokens("repetition_16", "share of tokens that are among the 16 before them", false,
              &repeated_tokens_of<16>),
    of_tokens("repetition_128", "share of tokens that are among the 128 before them", false,
              &repeated_tokens_of<128>),
    of_tokens("length", "generated tokens an output", std::nullopt, &length_of),
    of_all("distinct_1_pooled", "share of different tokens within all outputs", true,
           &pooled_distinct<1>),
    of_all("distinct_2_pooled", "share of different token pairs within all outputs", true,
           &pooled_distinct<2>),
    of_all("entropy", "entropy of the tokens of all outputs, nats", std::nullopt, &pooled_entropy),
    of_all("self_bleu", "mean BLEU of each output against all others, 0 to 100", false,
           &mean_self_bleu),
    of_all("zipf", "exponent of token frequency by rank; human text is near 1", std::nullopt,
           &zipf_coefficient),
    averaged("repeated_turns", "share of turns that repeat an earlier one of the conversation",
             false, nullptr),
    averaged("parses", "share of outputs that parse and do something", true, nullptr),
    averaged("passes", "share of outputs that pass their unit tests", true, nullptr),
    averaged("pass@5", "share of problems that one of 5 outputs passes", true, nullptr),
    averaged("pass@10", "share of problems that one of 10 outputs passes", true, nullptr),
    averaged("pass@100", "share of problems that one of 100 outputs passes", true, nullptr),
    MetricDefinition{"perplexity", "perplexity of the reference, a token", false,
                     &perplexity_of_sums, 2, true},
    MetricDefinition{"bits_per_byte", "bits that the model needs for a byte of the reference",
                     false, &bits_per_byte_of_sums, 2},
    MetricDefinition{"pseudo_perplexity", "perplexity of the reference's tokens, each masked alone",
                     false, &perplexity_of_sums, 2, true},
    MetricDefinition{"pseudo_bits_per_byte",
                     "bits for a byte of the reference, each token masked alone", false,
                     &bits_per_byte_of_sums, 2},
    MetricDefinition{"calibration_error",
                     "how far confidence is from accuracy over the reference's tokens, 0 to 1",
                     false, &calibration_error_of_sums, kCalibrationStatistics, true, nullptr,
                     nullptr, true},
    MetricDefinition{"exposure_gap",
                     "accuracy by place after the reference's words less that after its own", false,
                     &exposure_gap_of_sums, kExposureStatistics, true, nullptr, nullptr, true},
    MetricDefinition{"draft_acceptance", "share of the drafted tokens that the model kept", true,
                     &ratio_of_sums, 2, true, nullptr, nullptr, true},
    MetricDefinition{"tokens_per_second", "generated tokens a second", true, &ratio_of_sums, 2,
                     true},
};

// Of whatever group of words.
constexpr MetricDefinition kShare{kSharePrefix,
                                  "share of the group's words among those of all groups",
                                  std::nullopt,
                                  &ratio_of_sums,
                                  2,
                                  false,
                                  nullptr,
                                  nullptr,
                                  true};

// Of whatever layer, with as many experts as it has.
constexpr MetricDefinition kExperts{kExpertsPrefix,
                                    "how evenly a layer's experts are used, 1 / experts to 1",
                                    std::nullopt,
                                    &expert_use_of_sums,
                                    0,
                                    false,
                                    nullptr,
                                    nullptr,
                                    true};

// Of whatever encoder.
constexpr MetricDefinition kBertScore = averaged(
    kBertScorePrefix, "F of BERTScore by the vectors of the encoder that names it", true, nullptr);
constexpr MetricDefinition kMauve =
    averaged(kMauvePrefix, "MAUVE of all outputs by the vectors of the encoder that names it", true,
             nullptr);

}  // namespace

const MetricDefinition* find_metric(std::string_view name) {
  if (name.starts_with(kSharePrefix)) return &kShare;
  if (name.starts_with(kExpertsPrefix)) return &kExperts;
  if (name.starts_with(kBertScorePrefix)) return &kBertScore;
  if (name.starts_with(kMauvePrefix)) return &kMauve;
  const auto found = std::find_if(kMetrics.begin(), kMetrics.end(),
                                  [&](const auto& metric) { return metric.name == name; });
  return found == kMetrics.end() ? nullptr : &*found;
}

std::span<const MetricDefinition> all_metrics() {
  return kMetrics;
}

}  // namespace trellis::metrics

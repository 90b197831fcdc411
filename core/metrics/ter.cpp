#include "core/metrics/ter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>

#include "core/metrics/ngrams.hpp"
#include "core/text/unicode.hpp"

namespace trellis::metrics {
namespace {

// Limits of Tercom and sacrebleu: with others the figures differ.
constexpr std::size_t kLongestShift = 10;
constexpr std::size_t kFarthestShift = 50;
constexpr std::size_t kMostCandidates = 1000;
constexpr std::size_t kBeamWidth = 25;
constexpr std::size_t kUnreached = std::numeric_limits<std::size_t>::max() / 2;

/// Of the rewriting of the output into the reference.
enum class Edit : std::uint8_t { keep, substitute, insert, remove, none };

struct Cell {
  std::size_t cost = kUnreached;
  Edit edit = Edit::none;
};

/// Edit distances of rearrangements of one output to one reference, in a beam around the diagonal.
class BeamEditDistance {
 public:
  BeamEditDistance(std::size_t output_size, std::u32string_view reference)
      : reference_(reference), rows_(output_size + 1) {
    ratio_ = output_size > 0
                 ? static_cast<double>(reference.size()) / static_cast<double>(output_size)
                 : 1.0;
    // Of very unlike lengths, rows would otherwise not overlap.
    beam_ = kBeamWidth;
    if (static_cast<double>(kBeamWidth) < ratio_ / 2) {
      beam_ = static_cast<std::size_t>(std::ceil(ratio_ / 2 + kBeamWidth));
    }
    rows_[0].resize(reference.size() + 1);
    for (std::size_t j = 0; j <= reference.size(); ++j) rows_[0][j] = {j, Edit::insert};
  }

  std::size_t distance(const std::u32string& output) {
    // The rows of the words that begin the last output as well are still right.
    const auto differs =
        std::mismatch(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(known_),
                      last_.begin())
            .first;
    for (auto i = static_cast<std::size_t>(differs - output.begin()) + 1; i < rows_.size(); ++i) {
      fill(i, output);
    }
    last_ = output;
    known_ = output.size();
    return rows_.back().back().cost;
  }

  /// The edits of the last output, in order.
  std::vector<Edit> edits() const {
    std::vector<Edit> edits;
    std::size_t i = rows_.size() - 1;
    std::size_t j = reference_.size();
    while (i > 0 || j > 0) {
      const auto edit = rows_[i][j].edit;
      edits.push_back(edit);
      if (edit != Edit::insert) --i;
      if (edit != Edit::remove) --j;
    }
    std::reverse(edits.begin(), edits.end());
    return edits;
  }

 private:
  void fill(std::size_t i, const std::u32string& output) {
    const std::size_t width = reference_.size() + 1;
    auto& row = rows_[i];
    const auto& above = rows_[i - 1];
    row.assign(width, {});
    const auto diagonal = static_cast<std::size_t>(std::floor(static_cast<double>(i) * ratio_));
    const std::size_t from = diagonal > beam_ ? diagonal - beam_ : 0;
    const std::size_t to = i + 1 == rows_.size() ? width : std::min(width, diagonal + beam_);
    for (std::size_t j = from; j < to; ++j) {
      if (j == 0) {
        row[j] = {above[j].cost + 1, Edit::remove};
        continue;
      }
      const bool same = output[i - 1] == reference_[j - 1];
      const Cell choices[] = {
          {above[j - 1].cost + (same ? 0 : 1), same ? Edit::keep : Edit::substitute},
          {above[j].cost + 1, Edit::remove},
          {row[j - 1].cost + 1, Edit::insert}};
      for (const auto& choice : choices) {
        if (choice.cost < row[j].cost) row[j] = choice;
      }
    }
  }

  std::u32string_view reference_;
  double ratio_ = 1;
  std::size_t beam_ = kBeamWidth;
  std::vector<std::vector<Cell>> rows_;
  std::u32string last_;
  std::size_t known_ = 0;
};

/// What the edits say about each word.
struct Alignment {
  std::vector<std::size_t> behind;  ///< where in the output a word behind this reference word goes
  std::vector<bool> output_error;   ///< an output word that is not right where it is
  std::vector<bool> reference_error;  ///< a reference word that the output lacks here
};

Alignment alignment_of(const std::vector<Edit>& edits) {
  Alignment alignment;
  for (const auto edit : edits) {
    const bool error = edit != Edit::keep;
    if (edit != Edit::insert) alignment.output_error.push_back(error);
    if (edit == Edit::remove) continue;
    alignment.behind.push_back(alignment.output_error.size());
    alignment.reference_error.push_back(error);
  }
  return alignment;
}

std::u32string shifted(const std::u32string& words, std::size_t start, std::size_t length,
                       std::size_t target) {
  const auto moved = words.substr(start, length);
  auto result = words;
  result.erase(start, length);
  // A target behind the words counts them, too; one among them counts from where they begin.
  return result.insert(target > start + length ? target - length : target, moved);
}

struct Shift {
  std::ptrdiff_t gain = 0;
  std::size_t length = 0;
  std::size_t start = 0;
  std::size_t target = 0;
  std::u32string words;

  auto rank() const {
    return std::tuple(gain, length, -static_cast<std::ptrdiff_t>(start),
                      -static_cast<std::ptrdiff_t>(target));
  }
};

class ShiftSearch {
 public:
  ShiftSearch(const std::u32string& words, std::u32string_view reference,
              BeamEditDistance& distances, std::size_t& candidates)
      : words_(words), reference_(reference), distances_(distances), candidates_(candidates) {
    before_ = distances.distance(words);
    alignment_ = alignment_of(distances.edits());
  }

  /// The shift that gains most, which may be nothing or less.
  std::optional<Shift> best() {
    for (std::size_t start = 0; start < words_.size(); ++start) {
      for (std::size_t place = 0; place < reference_.size(); ++place) {
        if ((start > place ? start - place : place - start) > kFarthestShift) continue;
        for (std::size_t length = 1; length <= kLongestShift; ++length) {
          if (start + length > words_.size() || place + length > reference_.size() ||
              words_[start + length - 1] != reference_[place + length - 1]) {
            break;
          }
          if (!is_useful(start, place, length)) continue;
          try_targets(start, place, length);
          if (candidates_ >= kMostCandidates) return best_;
        }
      }
    }
    return best_;
  }

 private:
  static bool any(const std::vector<bool>& errors, std::size_t from, std::size_t length) {
    const auto begin = errors.begin() + static_cast<std::ptrdiff_t>(from);
    return std::find(begin, begin + static_cast<std::ptrdiff_t>(length), true) !=
           begin + static_cast<std::ptrdiff_t>(length);
  }

  bool is_useful(std::size_t start, std::size_t place, std::size_t length) const {
    if (!any(alignment_.output_error, start, length)) return false;
    if (!any(alignment_.reference_error, place, length)) return false;
    const auto behind = alignment_.behind[place];
    return behind <= start || behind > start + length;
  }

  void try_targets(std::size_t start, std::size_t place, std::size_t length) {
    std::optional<std::size_t> last;
    for (std::size_t offset = 0; offset <= length; ++offset) {
      const std::size_t next = place + offset;
      const std::size_t target = next == 0 ? 0 : alignment_.behind[next - 1];
      if (target == last) continue;
      last = target;
      Shift shift{0, length, start, target, shifted(words_, start, length, target)};
      shift.gain = static_cast<std::ptrdiff_t>(before_) -
                   static_cast<std::ptrdiff_t>(distances_.distance(shift.words));
      ++candidates_;
      if (!best_ || shift.rank() > best_->rank()) best_ = std::move(shift);
    }
  }

  const std::u32string& words_;
  std::u32string_view reference_;
  BeamEditDistance& distances_;
  std::size_t& candidates_;
  std::size_t before_ = 0;
  Alignment alignment_;
  std::optional<Shift> best_;
};

}  // namespace

std::size_t translation_edits(std::u32string_view output, std::u32string_view reference) {
  if (reference.empty()) return output.size();
  std::u32string words(output);
  BeamEditDistance distances(words.size(), reference);
  std::size_t candidates = 0;
  std::size_t shifts = 0;
  while (true) {
    auto shift = ShiftSearch(words, reference, distances, candidates).best();
    if (candidates >= kMostCandidates || !shift || shift->gain <= 0) break;
    words = std::move(shift->words);
    ++shifts;
  }
  return shifts + distances.distance(words);
}

std::vector<double> ter_statistics(std::string_view output, std::span<const std::string> references,
                                   const TerOptions& options) {
  const auto output_text = ter_words(output, options);
  std::vector<std::string> reference_texts;
  for (const auto& reference : references) {
    // sacrebleu rewrites references twice, which matters to "it's's" and to escapes of escapes.
    reference_texts.push_back(ter_words(ter_words(reference, options), options));
  }
  TokenNumbers numbers;
  const auto words = numbers.of(text::split_white_space(output_text));
  std::size_t fewest = std::numeric_limits<std::size_t>::max();
  std::size_t length = 0;
  for (const auto& text : reference_texts) {
    const auto reference = numbers.of(text::split_white_space(text));
    fewest = std::min(fewest, translation_edits(words, reference));
    length += reference.size();
  }
  return {static_cast<double>(fewest),
          static_cast<double>(length) / static_cast<double>(references.size())};
}

double ter_of_sums(std::span<const double> sums) {
  if (sums[1] > 0) return 100 * (sums[0] / sums[1]);
  return sums[0] > 0 ? 100 : 0;
}

SampleValue ter(std::string_view output, std::span<const std::string> references,
                const TerOptions& options) {
  if (references.empty()) return {};
  SampleValue sample;
  sample.statistics = ter_statistics(output, references, options);
  sample.value = ter_of_sums(sample.statistics);
  return sample;
}

std::string ter_signature(const TerOptions& options, std::optional<std::size_t> references) {
  const auto yes_if = [](bool value) { return value ? "yes" : "no"; };
  return fmt::format("nrefs:{}|case:{}|tok:tercom|norm:{}|punct:{}|asian:{}",
                     references ? std::to_string(*references) : "var",
                     options.case_sensitive ? "mixed" : "lc", yes_if(options.normalized),
                     yes_if(!options.no_punctuation), yes_if(options.asian_support));
}

}  // namespace trellis::metrics

#include "gui/view_models/rating_items.hpp"

#include <xxhash.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace trellis::gui {
namespace {

std::uint64_t hash_of(const std::string& text, std::uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

/// A number for an item that is the same at every start and for every order of the trials.
std::uint64_t item_hash(const RatingItems& items, const RatingItem& item, std::uint64_t seed) {
  const auto& first = trial_of(items, item.first);
  const auto& second = trial_of(items, item.second);
  const std::uint64_t numbers[] = {example_of(items, item), sample_of(items, item)};
  const auto place = XXH3_64bits_withSeed(numbers, sizeof numbers, seed);
  return hash_of(std::max(first, second), hash_of(std::min(first, second), place));
}

using ScoreKey = std::tuple<std::string, std::uint64_t, std::uint32_t>;
using PairKey = std::tuple<std::string, std::string, std::uint64_t, std::uint32_t>;

}  // namespace

const std::string& trial_of(const RatingItems& items, std::size_t place) {
  return items.order->samples->trials[place]->trial;
}

std::uint64_t example_of(const RatingItems& items, const RatingItem& item) {
  const auto& samples = *items.order->samples;
  return samples.examples[samples.rows[item.row].example].example_index;
}

std::uint32_t sample_of(const RatingItems& items, const RatingItem& item) {
  return items.order->samples->rows[item.row].sample_index;
}

const std::string& output_of(const RatingItems& items, const RatingItem& item, std::size_t place) {
  const auto& samples = *items.order->samples;
  const auto row = static_cast<std::size_t>(samples.rows[item.row].rows[place]);
  return samples.trials[place]->rows[row].output;
}

RatingItems rating_items(std::shared_ptr<const SampleOrder> order, RatingKind kind) {
  RatingItems items;
  items.order = std::move(order);
  items.kind = kind;
  const auto& samples = *items.order->samples;
  const auto count = static_cast<std::uint8_t>(samples.trials.size());
  for (const auto row : items.order->rows) {
    for (std::uint8_t first = 0; first < count; ++first) {
      if (samples.rows[row].rows[first] == no_sample) continue;
      if (kind == RatingKind::scores) items.items.push_back({row, first, first, 0});
      for (std::uint8_t second = first + 1; kind == RatingKind::pairs && second < count; ++second) {
        if (samples.rows[row].rows[second] == no_sample) continue;
        const RatingItem item{row, first, second, 0};
        if (output_of(items, item, first) == output_of(items, item, second)) {
          ++items.identical;
        } else {
          items.items.push_back(item);
        }
      }
    }
  }
  std::vector<std::pair<std::uint64_t, RatingItem>> shuffled;
  shuffled.reserve(items.items.size());
  for (const auto& item : items.items) shuffled.emplace_back(item_hash(items, item, 0), item);
  std::ranges::sort(shuffled, {},
                    [&](const auto& entry) { return std::pair(entry.first, entry.second.row); });
  for (std::size_t i = 0; i < shuffled.size(); ++i) items.items[i] = shuffled[i].second;
  return items;
}

RatingResults rating_results(const Overview& overview,
                             std::shared_ptr<const Annotations> annotations,
                             const std::string& task, const std::string& criterion) {
  std::vector<std::string> trials;
  for (const auto& trial : overview.trials) {
    if (trial.task_label == task) trials.push_back(trial.record.id);
  }
  return {annotations, task, criterion,
          reports::preference_table(annotations->preferences, trials, criterion),
          reports::score_table(annotations->ratings, trials, criterion)};
}

void mark_rated(RatingItems& items, const Annotations& annotations, const std::string& rater,
                const std::string& criterion) {
  items.rater = rater;
  items.criterion = criterion;
  items.rated = 0;
  std::map<ScoreKey, int> scores;
  std::map<PairKey, int> choices;
  for (const auto& rating : annotations.ratings) {
    if (rating.rater != rater || rating.criterion != criterion) continue;
    scores[{rating.trial, rating.example_index, rating.sample_index}] = rating.score.value_or(0);
  }
  for (const auto& choice : annotations.preferences) {
    if (choice.rater != rater || choice.criterion != criterion || !choice.preferred) continue;
    choices[{choice.trials[0], choice.trials[1], choice.example_index, choice.sample_index}] =
        1 + static_cast<int>(*choice.preferred);
  }
  for (auto& item : items.items) {
    item.said = 0;
    const auto example = example_of(items, item);
    const auto sample = sample_of(items, item);
    const auto& first = trial_of(items, item.first);
    const auto& second = trial_of(items, item.second);
    if (items.kind == RatingKind::scores) {
      const auto found = scores.find({first, example, sample});
      if (found != scores.end()) item.said = static_cast<std::int8_t>(found->second);
    } else {
      const bool ordered = first < second;
      const auto found =
          choices.find({ordered ? first : second, ordered ? second : first, example, sample});
      // 1, 2, 3 of the pair as stored; the other way around where it is shown so.
      if (found != choices.end()) {
        item.said = static_cast<std::int8_t>(ordered ? found->second : 4 - found->second);
      }
    }
    if (item.said != 0) ++items.rated;
  }
}

bool sides_swapped(const RatingItems& items, const RatingItem& item, const std::string& rater) {
  const bool ordered = trial_of(items, item.first) < trial_of(items, item.second);
  return ((item_hash(items, item, hash_of(rater, 1)) & 1U) != 0) == ordered;
}

std::optional<std::size_t> next_unrated(const RatingItems& items, std::optional<std::size_t> from) {
  const auto count = items.items.size();
  const auto begin = from ? *from + 1 : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto place = (begin + i) % count;
    if (items.items[place].said == 0 && place != from) return place;
  }
  if (from && *from < count && items.items[*from].said == 0) return from;
  return std::nullopt;
}

Annotation annotation_of(const RatingItems& items, const RatingItem& item, const std::string& rater,
                         const std::string& criterion, int said) {
  const auto example = example_of(items, item);
  const auto sample = sample_of(items, item);
  const auto& first = trial_of(items, item.first);
  if (items.kind == RatingKind::scores) {
    return storage::Rating{rater,   criterion, first,
                           example, sample,    said == 0 ? std::nullopt : std::optional(said)};
  }
  storage::Preference choice{rater,   criterion, {first, trial_of(items, item.second)},
                             example, sample,    std::nullopt};
  if (said != 0) choice.preferred = static_cast<storage::Preferred>(said - 1);
  return choice;
}

}  // namespace trellis::gui

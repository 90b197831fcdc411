#include "reports/ratings.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

namespace trellis::reports {
namespace {

/// What was said of one trial, and of which example each.
struct Said {
  std::vector<metrics::SampleValue> values;
  std::vector<std::uint64_t> examples;

  void add(double value, std::uint64_t example) {
    values.push_back({value, {}});
    examples.push_back(example);
  }
};

/// The name of a mean: core/metrics knows no special sum for it.
constexpr std::string_view mean_metric = "rating";

RatedTrial rated(const std::string& trial, const Said& said) {
  RatedTrial row;
  row.trial = trial;
  row.n = said.values.size();
  for (const auto& value : said.values) row.mean += *value.value / static_cast<double>(row.n);
  row.interval = metrics::bootstrap_interval(mean_metric, said.values, {}, said.examples);
  return row;
}

std::optional<std::size_t> place_of(std::span<const std::string> trials, const std::string& trial) {
  const auto found = std::ranges::find(trials, trial);
  if (found == trials.end()) return std::nullopt;
  return static_cast<std::size_t>(found - trials.begin());
}

/// Places of trials that were judged, by falling value.
std::vector<std::size_t> best_first(const std::vector<Said>& said,
                                    const std::vector<double>& value) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < said.size(); ++i) {
    if (!said[i].values.empty()) order.push_back(i);
  }
  std::ranges::stable_sort(order,
                           [&](std::size_t a, std::size_t b) { return value[a] > value[b]; });
  return order;
}

template <typename Key>
metrics::Agreement agreement_of(const std::map<Key, std::vector<int>>& items,
                                metrics::RatingScale scale) {
  std::vector<std::vector<int>> values;
  for (const auto& [key, list] : items) values.push_back(list);
  return metrics::krippendorff_alpha(values, scale);
}

}  // namespace

PreferenceTable preference_table(std::span<const storage::Preference> preferences,
                                 std::span<const std::string> trials,
                                 const std::string& criterion) {
  const auto count = trials.size();
  std::vector<Said> said(count);
  std::vector<WinCount> against(count * count);
  std::map<std::tuple<std::size_t, std::size_t, std::uint64_t, std::uint32_t>, std::vector<int>>
      items;
  std::set<std::string> raters;
  for (const auto& preference : preferences) {
    if (preference.criterion != criterion || !preference.preferred) continue;
    const auto first = place_of(trials, preference.trials[0]);
    const auto second = place_of(trials, preference.trials[1]);
    if (!first || !second) continue;
    raters.insert(preference.rater);
    const double won = *preference.preferred == storage::Preferred::first    ? 1.0
                       : *preference.preferred == storage::Preferred::second ? 0.0
                                                                             : 0.5;
    said[*first].add(won, preference.example_index);
    said[*second].add(1 - won, preference.example_index);
    for (const auto& [row, column, wins] :
         {std::tuple(*first, *second, won), std::tuple(*second, *first, 1 - won)}) {
      auto& cell = against[row * count + column];
      cell.wins += wins;
      ++cell.n;
    }
    items[{*first, *second, preference.example_index, preference.sample_index}].push_back(
        static_cast<int>(*preference.preferred));
  }
  PreferenceTable table;
  table.raters = raters.size();
  table.agreement = agreement_of(items, metrics::RatingScale::nominal);
  std::vector<double> value(count, 0.0);
  std::vector<std::size_t> judged;
  for (std::size_t i = 0; i < count; ++i) {
    if (said[i].values.empty()) continue;
    judged.push_back(i);
    value[i] = rated(trials[i], said[i]).mean;
  }
  std::vector<double> wins;
  for (const auto row : judged) {
    for (const auto column : judged) wins.push_back(against[row * count + column].wins);
  }
  const auto strengths = metrics::bradley_terry(judged.size(), wins);
  std::vector<metrics::Strength> strength_of(count);
  for (std::size_t i = 0; strengths && i < judged.size(); ++i) {
    strength_of[judged[i]] = (*strengths)[i];
    value[judged[i]] = (*strengths)[i].value;
  }
  const auto order = best_first(said, value);
  if (strengths) table.strengths.emplace();
  for (const auto row : order) {
    table.trials.push_back(rated(trials[row], said[row]));
    if (strengths) table.strengths->push_back(strength_of[row]);
    for (const auto column : order) table.against.push_back(against[row * count + column]);
  }
  return table;
}

ScoreTable score_table(std::span<const storage::Rating> ratings,
                       std::span<const std::string> trials, const std::string& criterion) {
  std::vector<Said> said(trials.size());
  std::vector<std::array<std::size_t, storage::best_score>> counts(trials.size());
  std::map<std::tuple<std::size_t, std::uint64_t, std::uint32_t>, std::vector<int>> items;
  std::set<std::string> raters;
  for (const auto& rating : ratings) {
    const auto trial = place_of(trials, rating.trial);
    if (rating.criterion != criterion || !rating.score || !trial) continue;
    raters.insert(rating.rater);
    said[*trial].add(*rating.score, rating.example_index);
    ++counts[*trial][static_cast<std::size_t>(*rating.score - 1)];
    items[{*trial, rating.example_index, rating.sample_index}].push_back(*rating.score);
  }
  ScoreTable table;
  table.raters = raters.size();
  table.agreement = agreement_of(items, metrics::RatingScale::ordinal);
  std::vector<double> value;
  for (std::size_t i = 0; i < trials.size(); ++i) value.push_back(rated(trials[i], said[i]).mean);
  for (const auto place : best_first(said, value)) {
    table.trials.push_back(rated(trials[place], said[place]));
    table.counts.push_back(counts[place]);
  }
  return table;
}

}  // namespace trellis::reports

/// What is to be rated: which outputs, in which order, on which side, and what a rater said of
/// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gui/snapshot.hpp"

namespace trellis::gui {

/// The items of the rows that the filter leaves, in an order that looks shuffled and is the same
/// for all raters and at every start: raters who stop early have rated the same, and one who comes
/// back goes on. Pairs whose outputs are equal are not asked.
RatingItems rating_items(std::shared_ptr<const SampleOrder> order, RatingKind kind);

/// What was said of the trials of a task, by label.
RatingResults rating_results(const Overview& overview,
                             std::shared_ptr<const Annotations> annotations,
                             const std::string& task, const std::string& criterion);

/// Puts what a rater said into `items`, from all that was said.
void mark_rated(RatingItems& items, const Annotations& annotations, const std::string& rater,
                const std::string& criterion);

/// Whether the pair's second trial is shown as A: by rater and item, as if by a coin, so that
/// neither side is favoured and no trial can be told by its side.
bool sides_swapped(const RatingItems& items, const RatingItem& item, const std::string& rater);

/// The trials, example and sample of an item.
const std::string& trial_of(const RatingItems& items, std::size_t place);
std::uint64_t example_of(const RatingItems& items, const RatingItem& item);
std::uint32_t sample_of(const RatingItems& items, const RatingItem& item);
const std::string& output_of(const RatingItems& items, const RatingItem& item, std::size_t place);

/// The first item after `from` that the rater has not rated, from the start again after the last;
/// nothing when all are. `from` itself comes last; without it the search begins at the start.
std::optional<std::size_t> next_unrated(const RatingItems& items, std::optional<std::size_t> from);

/// What a rater said of an item; `said` 0 takes it back.
Annotation annotation_of(const RatingItems& items, const RatingItem& item, const std::string& rater,
                         const std::string& criterion, int said);

}  // namespace trellis::gui

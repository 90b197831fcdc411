/// All that says what the dashboard shows: what a link restores and what undo steps through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trellis::gui {

/// Trials that are shown side by side.
inline constexpr std::size_t most_trials = 4;

enum class Screen { runs, leaderboard, explore, curves, compare, samples, tokens, rate, sql };
enum class SampleSort { example, value, difference, length };
enum class TokenColour { probability, surprisal, entropy, rank };
enum class CurveAxis { steps, tokens, seconds };
/// One metric against another; one along a swept setting; all as parallel coordinates.
enum class ExploreKind { metrics, setting, parallel };
enum class RatingKind { pairs, scores };  ///< which of two is better; each by itself

struct ViewState {
  Screen screen = Screen::leaderboard;
  std::string experiment;  ///< empty: the one that ran last
  std::string task;        ///< label; empty: the first
  std::string metric;      ///< empty: the task's main one
  std::string baseline;    ///< "model × strategy"; empty: the config's first arm

  // The linked selection: trials, one sample of them, one of its tokens.
  std::vector<std::string> trials;  ///< ids, the one compared with first
  std::uint64_t example = 0;
  std::uint64_t sample = 0;
  std::size_t arm = 0;    ///< whose token is chosen: a place in `trials`
  std::size_t token = 0;  ///< position in its output

  // Runs
  std::string trial_filter;  ///< words that all stand in a trial's row

  // Leaderboard
  bool pivot = false;  ///< strategies as columns, of the chosen metric
  std::string sort;    ///< a metric; empty: the config's order
  bool ascending = false;
  // Samples
  std::string filter;
  SampleSort sample_sort = SampleSort::example;
  bool sample_descending = false;
  // Tokens
  TokenColour colour = TokenColour::probability;
  bool attention = false;
  std::string attention_kind;  ///< "self", "experts" …; empty: the main one
  bool tree = false;           ///< the tokens of all arms as one tree
  bool beams = false;          ///< instead what the chosen arm's search kept and dropped
  std::size_t layer = 0;
  std::size_t head = 0;
  // Explore
  ExploreKind explore = ExploreKind::metrics;
  std::string against;  ///< the metric on the y axis; empty: one of diversity
  std::string setting;  ///< the swept setting on the x axis; empty: the first
  // Curves
  CurveAxis axis = CurveAxis::steps;
  double smoothing = 0;  ///< weight of what was, in [0, 1)
  bool log_x = false;
  bool log_y = false;
  // Rate
  RatingKind rating = RatingKind::pairs;
  std::string criterion;  ///< what is asked about; empty: overall
  std::size_t other = 0;  ///< the trial beside `arm`, a place in `trials`
  bool results = false;   ///< what all raters said so far
  // SQL
  std::string sql;

  bool operator==(const ViewState&) const = default;
};

std::string_view to_string(Screen screen);  ///< as in links and in the palette

/// "trellis:samples?task=en-de&example=3": what differs from a fresh state.
std::string link_of(const ViewState& state);
/// Throws Error(usage) for what is no link, with the part that is wrong.
ViewState state_of(std::string_view link);

}  // namespace trellis::gui

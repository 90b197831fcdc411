/// The screens: each a function that draws a snapshot under a state and changes only the state and
/// its memory. No file, no SQL, nothing that waits.
///
/// Call between NewFrame and Render, in a window; one thread.
#pragma once

#include <imgui.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gui/snapshot.hpp"
#include "gui/theme.hpp"
#include "gui/view_models/sweep.hpp"
#include "gui/widgets/difference.hpp"
#include "gui/widgets/parallel.hpp"
#include "gui/widgets/plot.hpp"

namespace trellis::gui {

/// What a frame asks of the shell.
struct Request {
  enum class Kind { copy, save_png, save_csv, start_run, resume_run, stop_run, quit };
  Kind kind = Kind::copy;
  std::string text;  ///< what to copy or save; the config or experiment to run
};

/// Rectangles of what was drawn last frame, by name: how tests find what to click.
using NamedItems = std::map<std::string, ImVec4>;

/// A difference that is on the screen, so that it is not computed every frame.
struct ShownDifference {
  std::string first, second;
  std::vector<DifferencePiece> pieces;  ///< of `second`
};

/// A config that is being composed.
struct Composing {
  bool open = false;
  ConfigDraft draft;
  ConfigDraft checking;     ///< as it was when "check" was pressed
  std::uint64_t asked = 0;  ///< counts the presses of "check"
};

/// The swept settings of a table, so that they are not looked for every frame.
struct ShownSweep {
  std::shared_ptr<const Overview> overview;
  std::shared_ptr<const reports::Comparison> comparison;
  std::string task;
  std::vector<SweptSetting> settings;
};

/// What views keep from frame to frame and no link needs.
struct ViewMemory {
  PlotView curves;
  PlotView explore;
  ParallelView parallel;
  ShownSweep sweep;
  std::uint64_t sql_asked = 0;                  ///< counts the presses of "run"
  bool focus_filter = false;                    ///< put the cursor into the filter next frame
  bool scroll_to_sample = false;                ///< bring the chosen sample into view
  std::string runs_trial;                       ///< whose failure is shown
  std::string rater;                            ///< who rates
  bool rating_names = false;                    ///< the trials of what is being rated are named
  bool rating_reference = true;                 ///< the reference is shown to raters
  std::size_t rating_place = 0;                 ///< where the chosen item was found last
  bool settling = false;                        ///< the state was only made to fit: no step of undo
  std::vector<Annotation> said;                 ///< to be stored
  std::map<std::string, std::string> new_tags;  ///< being typed, by what they are for
  std::vector<Request> requests;
  Composing composing;
  std::array<ShownDifference, most_trials> differences;
  NamedItems* items = nullptr;  ///< filled when set
};

struct ViewContext {
  const Snapshot& snapshot;
  ViewState& state;
  const Theme& theme;
  ViewMemory& memory;
};

void draw_runs(ViewContext& context);
void draw_leaderboard(ViewContext& context);
void draw_explore(ViewContext& context);
void draw_curves(ViewContext& context);
void draw_compare(ViewContext& context);
void draw_samples(ViewContext& context);
void draw_tokens(ViewContext& context);
void draw_rate(ViewContext& context);
void draw_sql(ViewContext& context);

/// Parts of the runs' screen.
void draw_run_controls(ViewContext& context, const Overview& overview);
void draw_tags(ViewContext& context, const Overview& overview);
void draw_compose(ViewContext& context);

/// The ways to explore, beside one metric against another.
void draw_along_setting(ViewContext& context, const reports::TaskTable& table);
void draw_parallel(ViewContext& context, const reports::TaskTable& table);

/// Parts of the tokens' screen: the chosen token, and the attention under it.
void draw_token_details(ViewContext& context, const storage::SampleRecord& sample);
void draw_attention(ViewContext& context);
/// What all raters said so far; part of the screen for rating.
void draw_rating_results(ViewContext& context);

/// Remembers the last item under a name.
void mark(ViewContext& context, std::string_view name);
/// One line of text that may hold anything; faint or not. What has no glyph becomes a chip.
void text_line(std::string_view text);
void text_line(std::string_view text, ImU32 colour);
/// The same over several lines, wrapped.
void text_wrapped(std::string_view text);
/// Text at the right edge of a table's cell.
void text_right(std::string_view text, ImU32 colour);
/// A bar over the width of a cell, or `width`, with a text in it that can be read wherever it ends.
void progress_bar(ViewContext& context, float share, std::string_view text, float width = 0);
/// As much of a text as a cell can show; long texts are not measured to their end.
std::string_view beginning_of(std::string_view text);
/// Chooses among `choices`; true when another one was chosen.
bool choice(ViewContext& context, const char* label, std::vector<std::string> choices,
            std::string& chosen, float width_in_em);
/// A sentence in the middle, for a screen that has nothing to show.
void say_empty(std::string_view text);

}  // namespace trellis::gui

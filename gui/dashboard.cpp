#include "gui/dashboard.hpp"

#include <fmt/format.h>
#include <imgui.h>
#include <imgui_stdlib.h>

#include <algorithm>

#include "gui/export.hpp"
#include "gui/palette.hpp"
#include "gui/view_models/selection.hpp"

namespace trellis::gui {
namespace {

constexpr std::size_t most_undo = 200;

struct ScreenEntry {
  Screen screen;
  const char* title;
  void (*draw)(ViewContext&);
};
constexpr ScreenEntry screens[] = {{Screen::runs, "Runs", draw_runs},
                                   {Screen::leaderboard, "Leaderboard", draw_leaderboard},
                                   {Screen::explore, "Explore", draw_explore},
                                   {Screen::curves, "Curves", draw_curves},
                                   {Screen::compare, "Compare", draw_compare},
                                   {Screen::samples, "Samples", draw_samples},
                                   {Screen::tokens, "Tokens", draw_tokens},
                                   {Screen::rate, "Rate", draw_rate},
                                   {Screen::sql, "SQL", draw_sql}};

/// What changes while a person types or drags is one step of undo, not one a frame.
bool is_one_step(const ViewState& before, const ViewState& after) {
  auto same = before;
  same.filter = after.filter;
  same.sql = after.sql;
  same.smoothing = after.smoothing;
  same.criterion = after.criterion;
  same.trial_filter = after.trial_filter;
  return same == after;
}

bool pressed(ImGuiKey key) {
  return ImGui::IsKeyPressed(ImGui::GetKeyIndex(key));
}

/// Letters and digits have the ASCII code as their number in every backend used here.
bool pressed(char key) {
  return ImGui::IsKeyPressed(key, false);
}

}  // namespace

Dashboard::Dashboard(ViewState state, bool dark, std::string rater)
    : state_(std::move(state)), theme_(make_theme(dark)) {
  memory_.rater = std::move(rater);
  // A link to the console asks its question.
  if (state_.screen == Screen::sql && !state_.sql.empty()) memory_.sql_asked = 1;
}

void Dashboard::set_font_size(float pixels) {
  font_size_ = pixels;
  apply_theme(theme_, pixels);
}

Wish Dashboard::wish(const Snapshot& snapshot) const {
  auto wish = wish_of(snapshot, state_, memory_.rater, memory_.sql_asked);
  wish.forms = memory_.composing.open;
  wish.draft = memory_.composing.checking;
  wish.draft_asked = memory_.composing.asked;
  return wish;
}

std::vector<Request> Dashboard::take_requests() {
  return std::exchange(memory_.requests, {});
}

std::vector<Annotation> Dashboard::take_annotations() {
  return std::exchange(memory_.said, {});
}

void Dashboard::remember(const ViewState& before) {
  const bool settling = std::exchange(memory_.settling, false);
  if (before == state_ || settling) return;
  undone_.clear();
  if (!done_.empty() && is_one_step(before, state_) && is_one_step(done_.back(), state_)) return;
  done_.push_back(before);
  if (done_.size() > most_undo) done_.erase(done_.begin());
}

void Dashboard::undo() {
  if (done_.empty()) return;
  undone_.push_back(std::exchange(state_, done_.back()));
  done_.pop_back();
}

void Dashboard::redo() {
  if (undone_.empty()) return;
  done_.push_back(std::exchange(state_, undone_.back()));
  undone_.pop_back();
}

void Dashboard::take_keys() {
  auto& io = ImGui::GetIO();
  if (io.KeyCtrl && pressed('K')) {
    palette_open_ = !palette_open_;
    palette_text_.clear();
    palette_choice_ = 0;
  }
  if (io.KeyCtrl && pressed('L')) run("copy link to this view", {});
  if (io.KeyCtrl && pressed('Q')) run("quit", {});
  if (io.KeyAlt) {
    for (int i = 0; i < static_cast<int>(std::size(screens)); ++i) {
      if (pressed(static_cast<char>('1' + i))) state_.screen = screens[i].screen;
    }
  }
  if (pressed(ImGuiKey_Escape)) palette_open_ = keys_open_ = false;
  if (io.WantTextInput || palette_open_) return;
  if (io.KeyCtrl && pressed('Z')) undo();
  if (io.KeyCtrl && pressed('Y')) redo();
  for (const auto character : io.InputQueueCharacters) {
    if (character == '/') run("filter samples", {});
    if (character == '?') keys_open_ = !keys_open_;
  }
}

void Dashboard::run(const std::string& command, const Snapshot& snapshot) {
  if (apply(command, snapshot, state_)) {
    if (command == "show this view's query") ++memory_.sql_asked;
    return;
  }
  if (command == "filter samples") {
    state_.screen = Screen::samples;
    memory_.focus_filter = true;
    // The slash that was typed must not become part of the filter.
    ImGui::GetIO().InputQueueCharacters.resize(0);
  } else if (command == "undo") {
    undo();
  } else if (command == "redo") {
    redo();
  } else if (command == "copy link to this view") {
    memory_.requests.push_back({Request::Kind::copy, link_of(state_)});
    tell(fmt::format("copied: {}", link_of(state_)));
  } else if (command == "copy this view as CSV") {
    memory_.requests.push_back({Request::Kind::copy, csv_of(snapshot, state_)});
    tell("copied this view as CSV");
  } else if (command == "save this view as CSV") {
    memory_.requests.push_back({Request::Kind::save_csv, csv_of(snapshot, state_)});
  } else if (command == "save this view as PNG") {
    memory_.requests.push_back({Request::Kind::save_png, ""});
  } else if (command == "light or dark theme") {
    theme_ = make_theme(!theme_.dark);
    apply_theme(theme_, font_size_);
  } else if (command == "show keys") {
    keys_open_ = true;
  } else if (command == "quit") {
    memory_.requests.push_back({Request::Kind::quit, ""});
  }
}

void Dashboard::draw(const Snapshot& snapshot) {
  if (memory_.items != nullptr) memory_.items->clear();
  const auto before = state_;
  const bool moved_in_time = ImGui::GetIO().KeyCtrl && (pressed('Z') || pressed('Y'));
  take_keys();
  ViewContext context{snapshot, state_, theme_, memory_};
  const auto& display = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({0, 0});
  ImGui::SetNextWindowSize(display);
  ImGui::Begin("dashboard", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                   ImGuiWindowFlags_NoBringToFrontOnFocus | ImGuiWindowFlags_NoNavInputs |
                   ImGuiWindowFlags_NoSavedSettings);
  draw_top(context);
  ImGui::Separator();
  const float bottom = ImGui::GetTextLineHeightWithSpacing() + ImGui::GetStyle().ItemSpacing.y;
  ImGui::BeginChild("navigation", {8 * font_size_, -bottom}, false, ImGuiWindowFlags_NoNavInputs);
  draw_navigation(context);
  ImGui::EndChild();
  ImGui::SameLine();
  ImGui::BeginChild("screen", {0, -bottom}, false, ImGuiWindowFlags_NoNavInputs);
  draw_selection(context);
  draw_screen(context);
  ImGui::EndChild();
  draw_bottom(context);
  ImGui::End();
  if (palette_open_) draw_palette(context);
  if (keys_open_) draw_keys();
  if (!moved_in_time) remember(before);
}

void Dashboard::draw_top(ViewContext& context) {
  ImGui::AlignTextToFramePadding();
  text_line("Trellis", theme_.accent);
  ImGui::SameLine();
  ImGui::AlignTextToFramePadding();
  text_line(context.snapshot.database, theme_.faint);
  const auto* overview = context.snapshot.overview.get();
  if (overview == nullptr || overview->experiments.empty()) return;
  ImGui::SameLine();
  std::vector<std::string> names;
  for (const auto& row : overview->experiments) names.push_back(row.name);
  auto experiment = overview->experiment.name;
  if (choice(context, "##experiment", names, experiment, 12))
    run(fmt::format("experiment {}", experiment), context.snapshot);
  ImGui::SameLine();
  names.clear();
  for (const auto& task : overview->tasks) names.push_back(task.label);
  auto task = chosen_task(context.snapshot, state_);
  if (choice(context, "##task", names, task, 10))
    run(fmt::format("task {}", task), context.snapshot);
  if (const auto* table = chosen_table(context.snapshot, state_)) {
    ImGui::SameLine();
    names.clear();
    for (const auto& column : table->columns) names.push_back(column.name);
    auto metric = chosen_metric(context.snapshot, state_);
    if (choice(context, "##metric", names, metric, 10)) state_.metric = metric;
  }
  ImGui::SameLine();
  if (ImGui::Button(theme_.dark ? "light" : "dark")) run("light or dark theme", context.snapshot);
  mark(context, "theme");
  ImGui::SameLine();
  if (ImGui::Button("query")) run("show this view's query", context.snapshot);
  mark(context, "query");
  if (ImGui::IsItemHovered()) ImGui::SetTooltip("The SQL that gives what this view shows");
  ImGui::SameLine();
  if (ImGui::Button("Ctrl+K")) palette_open_ = true;
  mark(context, "palette");
}

void Dashboard::draw_navigation(ViewContext& context) {
  ImGui::PushStyleVar(ImGuiStyleVar_SelectableTextAlign, {0, 0.5F});
  for (const auto& entry : screens) {
    const auto label = fmt::format("  {}", entry.title);
    if (ImGui::Selectable(label.c_str(), state_.screen == entry.screen, 0,
                          {0, 1.5F * font_size_})) {
      state_.screen = entry.screen;
    }
    mark(context, fmt::format("screen/{}", entry.title));
  }
  ImGui::PopStyleVar();
}

/// The linked selection, from the leaderboard's cell down to the token; each part leads there.
void Dashboard::draw_selection(ViewContext& context) {
  const auto* overview = context.snapshot.overview.get();
  if (overview == nullptr || state_.trials.empty()) return;
  const auto part = [&](const std::string& text, Screen screen, const char* name) {
    ImGui::PushStyleColor(ImGuiCol_Button, with_alpha(theme_.accent, 0.12F));
    if (ImGui::SmallButton(fmt::format("{}###{}", text, name).c_str())) state_.screen = screen;
    ImGui::PopStyleColor();
    mark(context, fmt::format("selection/{}", name));
    ImGui::SameLine();
  };
  part(chosen_task(context.snapshot, state_) + " · " + chosen_metric(context.snapshot, state_),
       Screen::leaderboard, "cell");
  std::string names;
  for (const auto& trial : state_.trials) {
    names += (names.empty() ? "" : "  vs  ") + trial_name(*overview, trial);
  }
  part(names, Screen::compare, "trials");
  part(state_.sample > 0 ? fmt::format("example {}.{}", state_.example, state_.sample)
                         : fmt::format("example {}", state_.example),
       Screen::samples, "sample");
  part(fmt::format("token {}", state_.token + 1), Screen::tokens, "token");
  ImGui::NewLine();
}

void Dashboard::draw_screen(ViewContext& context) {
  for (const auto& entry : screens) {
    if (entry.screen != state_.screen) continue;
    ImGui::PushID(entry.title);
    entry.draw(context);
    ImGui::PopID();
    return;
  }
}

void Dashboard::draw_bottom(ViewContext& context) {
  const auto& snapshot = context.snapshot;
  if (!snapshot.problem.empty()) {
    text_line(snapshot.problem, theme_.bad);
  } else if (!message_.empty()) {
    text_line(message_, theme_.faint);
  } else {
    text_line(snapshot.reading ? "reading …" : "up to date   Ctrl+K commands   / filter   ? keys",
              theme_.faint);
  }
}

void Dashboard::draw_palette(ViewContext& context) {
  const auto& display = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({display.x / 2 - 18 * font_size_, display.y / 6});
  ImGui::SetNextWindowSize({36 * font_size_, 26 * font_size_});
  ImGui::SetNextWindowFocus();
  ImGui::PushStyleColor(ImGuiCol_WindowBg, ImGui::GetColorU32(ImGuiCol_PopupBg));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 1);
  ImGui::Begin(
      "commands", nullptr,
      ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings);
  ImGui::SetNextItemWidth(-1);
  if (ImGui::IsWindowAppearing()) ImGui::SetKeyboardFocusHere();
  const bool enter = ImGui::InputTextWithHint("##command", "what to do", &palette_text_,
                                              ImGuiInputTextFlags_EnterReturnsTrue);
  mark(context, "command");
  const auto found = matching(commands_of(context.snapshot, state_), palette_text_);
  if (pressed(ImGuiKey_DownArrow)) ++palette_choice_;
  if (pressed(ImGuiKey_UpArrow) && palette_choice_ > 0) --palette_choice_;
  if (!found.empty()) palette_choice_ = std::min(palette_choice_, found.size() - 1);
  std::string chosen;
  if (enter && !found.empty()) chosen = found[palette_choice_].name;
  ImGui::BeginChild("list");
  for (std::size_t i = 0; i < found.size(); ++i) {
    ImGui::PushID(static_cast<int>(i));
    const auto cursor = ImGui::GetCursorPos();
    if (ImGui::Selectable("##command", i == palette_choice_)) chosen = found[i].name;
    mark(context, fmt::format("command/{}", found[i].name));
    if (i == palette_choice_) ImGui::SetItemDefaultFocus();
    ImGui::SetCursorPos(cursor);
    text_line(found[i].name);
    if (!found[i].keys.empty()) {
      ImGui::SameLine();
      text_right(found[i].keys, theme_.faint);
    }
    ImGui::PopID();
  }
  if (found.empty()) ImGui::TextDisabled("nothing of that name");
  ImGui::EndChild();
  ImGui::End();
  ImGui::PopStyleVar();
  ImGui::PopStyleColor();
  if (chosen.empty()) return;
  palette_open_ = false;
  run(chosen, context.snapshot);
}

void Dashboard::draw_keys() {
  const auto& display = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({display.x / 2, display.y / 2}, 0, {0.5F, 0.5F});
  ImGui::PushStyleColor(ImGuiCol_WindowBg, ImGui::GetColorU32(ImGuiCol_PopupBg));
  ImGui::Begin("keys", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_AlwaysAutoResize |
                   ImGuiWindowFlags_NoSavedSettings);
  static constexpr const char* keys[][2] = {
      {"Ctrl+K", "commands: everything by name"},
      {"/", "filter samples"},
      {"?", "these keys"},
      {"Alt+1 … 9", "screens from top to bottom"},
      {"↑ ↓", "the sample before and after"},
      {"← →", "the token before and after"},
      {"A B T, 1 … 5", "rate: A or B is better, tie; a score"},
      {"Ctrl+click", "on a cell: put it beside the others"},
      {"Ctrl+Z, Ctrl+Y", "undo and redo what was chosen"},
      {"Ctrl+L", "copy a link to this view, for --open"},
      {"Ctrl+Enter", "ask the SQL"},
      {"Ctrl+Q", "quit"}};
  for (const auto& row : keys) {
    text_line(row[0], theme_.accent);
    ImGui::SameLine(9 * font_size_);
    text_line(row[1]);
  }
  ImGui::End();
  ImGui::PopStyleColor();
}

}  // namespace trellis::gui

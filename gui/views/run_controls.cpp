/// Starting, stopping and resuming runs, and tags: the part of the runs' screen that changes
/// something.
#include <fmt/format.h>
#include <imgui.h>
#include <imgui_stdlib.h>

#include <algorithm>

#include "gui/fonts.hpp"
#include "gui/view_models/progress.hpp"
#include "gui/view_models/selection.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

bool has_work_left(const Overview& overview) {
  return std::ranges::any_of(overview.trials, [](const auto& trial) {
    return trial.status != storage::TrialStatus::done;
  });
}

/// Chips with a cross, and a field for one more.
void draw_tags_of(ViewContext& context, const char* id, const std::string& whose,
                  const std::vector<std::string>& tags, const std::vector<storage::Tag>& targets) {
  auto& memory = context.memory;
  const auto change = [&](const std::string& tag, bool add) {
    for (auto target : targets) {
      target.tag = tag;
      memory.said.emplace_back(TagChange{target, add});
    }
  };
  ImGui::PushID(id);
  ImGui::AlignTextToFramePadding();
  text_line(whose, context.theme.faint);
  for (const auto& tag : tags) {
    ImGui::SameLine();
    std::string buffer;
    ImGui::PushStyleColor(ImGuiCol_Button, with_alpha(context.theme.accent, 0.2F));
    const auto label = fmt::format("{} ×###{}", drawable(beginning_of(tag), buffer, true), tag);
    if (ImGui::Button(label.c_str())) change(tag, false);
    ImGui::PopStyleColor();
    mark(context, fmt::format("tag/{}/{}", id, tag));
  }
  ImGui::SameLine();
  ImGui::SetNextItemWidth(7 * ImGui::GetFontSize());
  auto& typed = memory.new_tags[id];
  if (ImGui::InputTextWithHint("##new", "add a tag", &typed,
                               ImGuiInputTextFlags_EnterReturnsTrue)) {
    if (!typed.empty()) change(typed, true);
    typed.clear();
  }
  mark(context, fmt::format("new_tag/{}", id));
  ImGui::PopID();
}

}  // namespace

void draw_run_controls(ViewContext& context, const Overview& overview) {
  const auto& snapshot = context.snapshot;
  auto& requests = context.memory.requests;
  const auto writer = snapshot.run ? snapshot.run->writer : std::nullopt;
  ImGui::AlignTextToFramePadding();
  if (writer) {
    text_line(fmt::format("● process {} writes to this database", *writer), context.theme.accent);
    ImGui::SameLine();
    if (ImGui::Button("stop")) requests.push_back({Request::Kind::stop_run, ""});
    mark(context, "stop");
    if (ImGui::IsItemHovered()) {
      ImGui::SetTooltip("As Ctrl+C in its terminal: what is done is kept and can be resumed.");
    }
    ImGui::SameLine();
  } else if (has_work_left(overview)) {
    if (ImGui::Button("resume")) {
      requests.push_back({Request::Kind::resume_run, overview.experiment.name});
    }
    mark(context, "resume");
    if (ImGui::IsItemHovered()) {
      ImGui::SetTooltip("Makes only the samples that are missing, and tries again what failed.");
    }
    ImGui::SameLine();
  }
  if (ImGui::Button("new run …")) context.memory.composing.open = true;
  mark(context, "new_run");
  ImGui::SameLine();
  text_line(describe(progress_of(overview)), context.theme.faint);
}

void draw_tags(ViewContext& context, const Overview& overview) {
  if (!context.snapshot.annotations) return;
  const auto& all = context.snapshot.annotations->tags;
  const auto& name = overview.experiment.name;
  std::vector<std::string> tags;
  for (const auto& tag : all) {
    if (tag.trial.empty() && tag.experiment == name) tags.push_back(tag.tag);
  }
  draw_tags_of(context, "experiment", fmt::format("tags of {}", name), tags, {{name, "", ""}});
  const auto& chosen = context.state.trials;
  if (chosen.empty()) return;
  std::vector<storage::Tag> targets;
  tags.clear();
  for (const auto& trial : chosen) {
    targets.push_back({"", trial, ""});
    for (const auto& tag : tags_of(*context.snapshot.annotations, trial)) {
      if (std::ranges::find(tags, tag) == tags.end()) tags.push_back(tag);
    }
  }
  ImGui::SameLine();
  ImGui::Dummy({ImGui::GetFontSize(), 1});
  ImGui::SameLine();
  draw_tags_of(context, "trials",
               chosen.size() == 1 ? "of the chosen trial"
                                  : fmt::format("of {} chosen trials", chosen.size()),
               tags, targets);
}

}  // namespace trellis::gui

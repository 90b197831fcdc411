/// A config composed from the plugins' own descriptions: a field a setting, what is wrong at its
/// field, and the run of it.
#include <fmt/format.h>
#include <imgui.h>
#include <imgui_stdlib.h>

#include <algorithm>
#include <optional>

#include "gui/view_models/config_draft.hpp"
#include "gui/view_models/selection.hpp"
#include "gui/views/views.hpp"

namespace trellis::gui {
namespace {

/// The last answer, as long as it is about what is typed now.
const CheckedDraft* current_check(const ViewContext& context) {
  const auto& check = context.snapshot.draft;
  const auto& composing = context.memory.composing;
  const bool current = check && check->draft == without_empty(composing.draft);
  return current ? check.get() : nullptr;
}

void draw_problems(ViewContext& context, std::size_t table, const std::string& key) {
  const auto* check = current_check(context);
  if (check == nullptr) return;
  const auto colour = check->valid ? context.theme.warning : context.theme.bad;
  for (const auto& problem : check->problems) {
    if (!problem.placed || problem.place.table != table || problem.place.key != key) continue;
    ImGui::PushStyleColor(ImGuiCol_Text, colour);
    text_wrapped(problem.message);
    ImGui::PopStyleColor();
  }
}

void draw_field(ViewContext& context, std::size_t table, const SettingForm& setting,
                std::string& typed) {
  const float em = ImGui::GetFontSize();
  ImGui::TableNextRow();
  ImGui::TableNextColumn();
  ImGui::AlignTextToFramePadding();
  text_line(setting.name, typed.empty() ? context.theme.faint : context.theme.text);
  ImGui::TableNextColumn();
  ImGui::PushID(setting.name.c_str());
  std::vector<std::string> choices;
  if (setting.type == "boolean") choices = {"", "true", "false"};
  if (setting.type == "choice") {
    choices = setting.choices;
    choices.insert(choices.begin(), "");
  }
  ImGui::SetNextItemWidth(choices.empty() ? -1 : -2.2F * em);
  const auto hint = setting.required ? std::string("must be given") : setting.default_text;
  ImGui::InputTextWithHint("##typed", hint.c_str(), &typed);
  mark(context, fmt::format("field/{}/{}", table, setting.name));
  if (!choices.empty()) {
    ImGui::SameLine(0, 0);
    if (ImGui::BeginCombo("##choices", "", ImGuiComboFlags_NoPreview)) {
      for (const auto& one : choices) {
        const auto shown = one.empty() ? fmt::format("default: {}", hint) : one;
        if (ImGui::Selectable(shown.c_str(), one == typed)) typed = one;
      }
      ImGui::EndCombo();
    }
  }
  draw_problems(context, table, setting.name);
  ImGui::PopID();
  ImGui::TableNextColumn();
  ImGui::AlignTextToFramePadding();
  ImGui::PushStyleColor(ImGuiCol_Text, context.theme.faint);
  text_wrapped(setting.summary + (setting.range.empty() ? "" : " (" + setting.range + ")"));
  ImGui::PopStyleColor();
}

void draw_fields(ViewContext& context, std::size_t place, DraftTable& table,
                 const std::vector<SettingForm>& settings) {
  const float em = ImGui::GetFontSize();
  if (!ImGui::BeginTable("fields", 3, ImGuiTableFlags_SizingFixedFit)) return;
  ImGui::TableSetupColumn("name", ImGuiTableColumnFlags_WidthFixed, 11 * em);
  ImGui::TableSetupColumn("value", ImGuiTableColumnFlags_WidthFixed, 15 * em);
  ImGui::TableSetupColumn("summary", ImGuiTableColumnFlags_WidthStretch);
  std::string group;
  for (const auto& setting : settings) {
    if (setting.group != group) {
      group = setting.group;
      ImGui::TableNextRow();
      ImGui::TableNextColumn();
      text_line(group, context.theme.accent);
    }
    draw_field(context, place, setting, table.values[setting.name]);
  }
  ImGui::EndTable();
}

/// The processors of a strategy: a field for the main setting of each that was added.
std::vector<SettingForm> processor_fields(const ConfigForms& forms, const DraftTable& table,
                                          const PluginForm& strategy) {
  std::vector<SettingForm> fields;
  for (const auto& entry : table.values) {
    const auto& key = entry.first;
    const bool own = key == "label" || std::ranges::any_of(strategy.settings, [&](const auto& s) {
                       return s.name == key;
                     });
    const auto* processor = own ? nullptr : forms.find("logits_processor", key);
    if (processor == nullptr || processor->settings.empty()) continue;
    auto field = processor->settings.front();
    field.name = key;
    field.group = "logits processors";
    field.summary = processor->summary;
    fields.push_back(std::move(field));
  }
  return fields;
}

void draw_plugin_table(ViewContext& context, std::size_t place, DraftTable& table,
                       const ConfigForms& forms) {
  const auto before = table.plugin;
  choice(context, "plugin", forms.ids(table.kind), table.plugin, 12);
  if (table.plugin != before) table.values.clear();
  const auto* form = forms.find(table.kind, table.plugin);
  if (form == nullptr) return;
  ImGui::SameLine();
  text_line(form->summary, context.theme.faint);
  draw_problems(context, place, "plugin");
  auto settings = form->settings;
  settings.insert(settings.begin(),
                  {"label", "string", "Names it in tables.", "", table.plugin, "", {}, false});
  if (table.kind == "strategy") {
    std::string added;
    auto processors = forms.ids("logits_processor");
    if (choice(context, "add a processor", std::move(processors), added, 12)) {
      table.values.try_emplace(added, "");
    }
    const auto fields = processor_fields(forms, table, *form);
    settings.insert(settings.end(), fields.begin(), fields.end());
  }
  draw_fields(context, place, table, settings);
}

void draw_tables(ViewContext& context, const ConfigForms& forms) {
  auto& draft = context.memory.composing.draft;
  std::optional<std::size_t> removed;
  for (std::size_t i = 0; i < draft.size(); ++i) {
    auto& table = draft[i];
    ImGui::PushID(static_cast<int>(i));
    const auto label = table.values["label"].empty() ? table.plugin : table.values["label"];
    const auto title = fmt::format("{}  {}###table", table.kind, label);
    if (ImGui::CollapsingHeader(title.c_str(), i == 0 ? ImGuiTreeNodeFlags_DefaultOpen : 0)) {
      draw_problems(context, i, "");
      if (i == 0) {
        draw_fields(context, i, table, forms.experiment);
      } else {
        draw_plugin_table(context, i, table, forms);
        if (ImGui::SmallButton("remove this table")) removed = i;
      }
    } else if (const auto* check = current_check(context)) {
      const auto wrong = std::ranges::count_if(check->problems, [&](const auto& problem) {
        return problem.placed && problem.place.table == i;
      });
      if (wrong > 0) {
        ImGui::SameLine();
        text_right(fmt::format("● {} wrong", wrong), context.theme.bad);
      }
    }
    mark(context, fmt::format("table/{}", i));
    ImGui::PopID();
  }
  if (removed) draft.erase(draft.begin() + static_cast<std::ptrdiff_t>(*removed));
}

void draw_buttons(ViewContext& context, const ConfigForms& forms) {
  auto& composing = context.memory.composing;
  for (const auto* kind : {"task", "model", "strategy"}) {
    if (ImGui::Button(fmt::format("+ {}", kind).c_str())) {
      const auto ids = forms.ids(kind);
      composing.draft.push_back({kind, ids.empty() ? "" : ids.front(), {}});
    }
    mark(context, fmt::format("add/{}", kind));
    ImGui::SameLine();
  }
  if (ImGui::Button("check")) {
    composing.checking = without_empty(composing.draft);
    ++composing.asked;
  }
  mark(context, "check");
  ImGui::SameLine();
  const auto* check = current_check(context);
  const bool good = check != nullptr && check->valid;
  ImGui::BeginDisabled(!good);
  if (ImGui::Button("run") && good) {
    context.memory.requests.push_back({Request::Kind::start_run, check->path});
    composing.open = false;
  }
  mark(context, "run");
  ImGui::EndDisabled();
  ImGui::SameLine();
  if (ImGui::Button("close")) composing.open = false;
  mark(context, "close");
  ImGui::SameLine();
  if (check != nullptr) {
    text_line(good ? fmt::format("{}: all is well", check->path)
                   : fmt::format("{}: {} wrong", check->path, check->problems.size()),
              good ? context.theme.good : context.theme.bad);
  } else if (composing.asked > 0 && composing.checking == without_empty(composing.draft)) {
    ImGui::TextDisabled("checking …");
  } else {
    ImGui::TextDisabled("a list such as [1, 2] or a range {from = 0, to = 1, step = 0.1} sweeps");
  }
}

/// What the experiment that is shown is made of: the next one is likely to be of the same.
std::vector<std::string> plugins_of(const Overview* overview) {
  std::vector<std::string> plugins;
  if (overview == nullptr) return plugins;
  for (const auto& task : overview->tasks) plugins.push_back(task.plugin);
  for (const auto& model : overview->models) plugins.push_back(model.record.plugin);
  return plugins;
}

}  // namespace

void draw_compose(ViewContext& context) {
  const auto& forms = context.snapshot.forms;
  auto& composing = context.memory.composing;
  if (!forms || !forms->problem.empty()) {
    if (ImGui::Button("close")) composing.open = false;
    if (!forms) say_empty("Asking the plugins …");
    if (forms) text_line(forms->problem, context.theme.bad);
    return;
  }
  if (composing.draft.empty()) {
    composing.draft = fresh_draft(*forms, plugins_of(context.snapshot.overview.get()));
  }
  draw_buttons(context, *forms);
  if (const auto* check = current_check(context)) {
    for (const auto& problem : check->problems) {
      if (!problem.placed) text_line(problem.message, context.theme.bad);
    }
  }
  const float em = ImGui::GetFontSize();
  const float room = ImGui::GetContentRegionAvail().x;
  ImGui::BeginChild("tables", {std::max(room * 0.65F, room - 30 * em), 0});
  draw_tables(context, *forms);
  ImGui::EndChild();
  ImGui::SameLine();
  ImGui::BeginChild("toml", {0, 0}, true);
  ImGui::PushFont(ImGui::GetIO().Fonts->Fonts[1]);
  text_wrapped(toml_of(composing.draft, *forms).toml);
  ImGui::PopFont();
  ImGui::EndChild();
}

}  // namespace trellis::gui

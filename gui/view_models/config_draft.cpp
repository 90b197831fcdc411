#include "gui/view_models/config_draft.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text/json.hpp"

namespace trellis::gui {
namespace {

using nlohmann::json;

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : write_json(value);
}

std::string range_of(const json& setting) {
  std::string text;
  for (const auto& [key, words] :
       std::initializer_list<std::pair<const char*, const char*>>{{"minimum", "at least"},
                                                                  {"exclusive_minimum", "above"},
                                                                  {"maximum", "at most"},
                                                                  {"exclusive_maximum", "below"},
                                                                  {"divides", "must divide"},
                                                                  {"at_most", "at most"}}) {
    if (!setting.contains(key)) continue;
    const auto& limit = setting.at(key);
    const auto value =
        limit.is_number_float() ? fmt::format("{:g}", limit.get<double>()) : text_of(limit);
    if (!value.empty()) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", words, value);
  }
  return text;
}

std::vector<SettingForm> settings_from(const json& list) {
  std::vector<SettingForm> settings;
  for (const auto& entry : list) {
    SettingForm form;
    form.name = entry.at("name").get<std::string>();
    form.type = entry.at("type").get<std::string>();
    form.summary = entry.value("summary", "");
    form.group = entry.value("group", "");
    form.choices = entry.value("choices", std::vector<std::string>());
    form.range = range_of(entry);
    form.required = !entry.contains("default") || entry.at("default").is_null();
    if (!form.required) form.default_text = text_of(entry.at("default"));
    settings.push_back(std::move(form));
  }
  return settings;
}

/// A basic string of TOML.
std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') out += '\\';
    if (byte == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(byte));
    } else {
      out += byte;
    }
  }
  return out + '"';
}

std::string strip(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1);
}

/// A value as TOML: one line.
std::string value_of(const std::string& typed, const SettingForm* setting) {
  auto text = strip(typed);
  const bool text_type =
      setting == nullptr || setting->type == "string" || setting->type == "choice";
  const bool written = text.starts_with('[') || text.starts_with('{') || text.starts_with('"') ||
                       text.starts_with('\'');
  if (text_type && !written) return toml_string(text);
  std::ranges::replace(text, '\n', ' ');
  return text;
}

const SettingForm* find_setting(const std::vector<SettingForm>& settings, std::string_view name) {
  const auto found = std::ranges::find(settings, name, &SettingForm::name);
  return found != settings.end() ? &*found : nullptr;
}

const SettingForm label_form = {"label", "string", "", "", "", "", {}, false};

}  // namespace

const PluginForm* ConfigForms::find(std::string_view kind, std::string_view id) const {
  const auto found = std::ranges::find_if(
      plugins, [&](const auto& form) { return form.kind == kind && form.id == id; });
  return found != plugins.end() ? &*found : nullptr;
}

std::vector<std::string> ConfigForms::ids(std::string_view kind) const {
  std::vector<std::string> ids;
  for (const auto& form : plugins) {
    if (form.kind == kind) ids.push_back(form.id);
  }
  return ids;
}

ConfigForms config_forms_from(const json& document) {
  ConfigForms forms;
  try {
    forms.experiment = settings_from(document.at("experiment"));
    for (const auto& entry : document.at("plugins")) {
      forms.plugins.push_back({entry.at("kind").get<std::string>(),
                               entry.at("id").get<std::string>(), entry.value("summary", ""),
                               settings_from(entry.value("settings", json::array()))});
    }
  } catch (const json::exception& error) {
    throw Error(Fault::bad_data, std::string("plugins: unexpected answer: ") + error.what());
  }
  return forms;
}

ConfigDraft without_empty(ConfigDraft draft) {
  for (auto& table : draft) {
    std::erase_if(table.values, [](const auto& entry) { return strip(entry.second).empty(); });
  }
  return draft;
}

ConfigDraft fresh_draft(const ConfigForms& forms, const std::vector<std::string>& like) {
  ConfigDraft draft = {{"experiment", "", {}}};
  for (const auto* kind : {"task", "model", "strategy"}) {
    const auto ids = forms.ids(kind);
    auto plugin = ids.empty() ? std::string() : ids.front();
    if (forms.find(kind, "greedy") != nullptr) plugin = "greedy";
    const auto known =
        std::ranges::find_if(like, [&](const auto& id) { return forms.find(kind, id) != nullptr; });
    if (known != like.end()) plugin = *known;
    draft.push_back({kind, plugin, {}});
  }
  return draft;
}

WrittenDraft toml_of(const ConfigDraft& draft, const ConfigForms& forms) {
  WrittenDraft written;
  const auto line = [&](std::size_t table, const std::string& key, const std::string& text) {
    written.toml += text + '\n';
    written.lines.push_back({table, key});
  };
  for (std::size_t i = 0; i < draft.size(); ++i) {
    const auto& table = draft[i];
    if (i > 0) line(i, "", "");
    const bool experiment = table.kind == "experiment";
    line(i, "", experiment ? "[experiment]" : fmt::format("[[{}]]", table.kind));
    if (!experiment) line(i, "plugin", "plugin = " + toml_string(table.plugin));
    const auto* form = forms.find(table.kind, table.plugin);
    for (const auto& [key, typed] : table.values) {
      if (strip(typed).empty()) continue;
      const SettingForm* setting = nullptr;
      if (experiment) {
        setting = find_setting(forms.experiment, key);
      } else if (key == "label") {
        setting = &label_form;
      } else if (form != nullptr) {
        setting = find_setting(form->settings, key);
      }
      // A processor of logits: its value is that of its first setting.
      const auto* processor = setting == nullptr ? forms.find("logits_processor", key) : nullptr;
      if (processor != nullptr && !processor->settings.empty()) {
        setting = &processor->settings.front();
      }
      line(i, key, fmt::format("{} = {}", key, value_of(typed, setting)));
    }
  }
  return written;
}

std::vector<DraftProblem> draft_problems(const WrittenDraft& draft,
                                         const std::filesystem::path& path,
                                         std::string_view standard_error) {
  std::vector<DraftProblem> problems;
  const auto prefix = path.string() + ":";
  while (!standard_error.empty()) {
    const auto end = std::min(standard_error.find('\n'), standard_error.size());
    auto line = standard_error.substr(0, end);
    standard_error.remove_prefix(std::min(end + 1, standard_error.size()));
    if (line.empty()) continue;
    DraftProblem problem{{}, false, std::string(line)};
    if (line.starts_with(prefix)) {
      line.remove_prefix(prefix.size());
      std::size_t number = 0;
      const auto [rest, code] = std::from_chars(line.data(), line.data() + line.size(), number);
      if (code == std::errc() && number > 0 && number <= draft.lines.size()) {
        problem.place = draft.lines[number - 1];
        problem.placed = true;
        const auto message = line.find(": ");
        if (message != std::string_view::npos) problem.message = line.substr(message + 2);
      }
    }
    problems.push_back(std::move(problem));
  }
  return problems;
}

}  // namespace trellis::gui

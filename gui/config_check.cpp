#include "gui/config_check.hpp"

#include <fmt/format.h>

#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.hpp"
#include "core/text/json.hpp"
#include "gui/command.hpp"

namespace trellis::gui {
namespace {

namespace fs = std::filesystem;

/// An experiment's name as that of a file.
std::string file_name(const ConfigDraft& draft) {
  std::string name;
  if (!draft.empty()) {
    const auto found = draft.front().values.find("name");
    if (found != draft.front().values.end()) name = found->second;
  }
  for (auto& byte : name) {
    const auto value = static_cast<unsigned char>(byte);
    const bool good = value >= 0x80 || std::isalnum(value) != 0 || byte == '-' || byte == '_';
    if (!good) byte = '_';
  }
  return name.empty() ? "experiment" : name;
}

fs::path free_path(const fs::path& folder, const std::string& name, const std::set<fs::path>& own) {
  for (int number = 1;; ++number) {
    auto path = folder / (number == 1 ? fmt::format("{}.toml", name)
                                      : fmt::format("{}-{}.toml", name, number));
    if (own.contains(path) || !fs::exists(path)) return path;
  }
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  if (!file.flush()) {
    throw Error(Fault::environment,
                path.string() + ": cannot be written; give write permission to the folder");
  }
}

}  // namespace

std::function<ConfigForms(const std::function<bool()>& cancelled)> forms_with(fs::path program) {
  return [program = std::move(program)](const std::function<bool()>& cancelled) {
    ConfigForms forms;
    try {
      const auto output = run_command({program.string(), "plugins", "list", "--json"}, cancelled);
      if (output.exit_code == 0) return config_forms_from(parse_json(output.out));
      forms.problem = fmt::format("the plugins cannot be asked: {}", last_line(output.error));
    } catch (const std::exception& error) {
      forms.problem = error.what();
    }
    return forms;
  };
}

std::function<CheckedDraft(const ConfigDraft& draft, const ConfigForms& forms,
                           const std::function<bool()>& cancelled)>
check_with(fs::path program, fs::path folder) {
  return [program = std::move(program), folder = std::move(folder), own = std::set<fs::path>()](
             const ConfigDraft& draft, const ConfigForms& forms,
             const std::function<bool()>& cancelled) mutable {
    CheckedDraft checked;
    checked.draft = draft;
    try {
      const auto path = free_path(folder, file_name(draft), own);
      const auto written = toml_of(draft, forms);
      write(path, written.toml);
      own.insert(path);
      checked.path = path.string();
      const auto output = run_command({program.string(), "validate", path.string()}, cancelled);
      checked.valid = output.exit_code == 0;
      checked.problems = draft_problems(written, path, output.error);
      if (!checked.valid && checked.problems.empty()) {
        checked.problems.push_back({{}, false, "the check ended without a word"});
      }
    } catch (const std::exception& error) {
      checked.problems.push_back({{}, false, error.what()});
    }
    return checked;
  };
}

}  // namespace trellis::gui

/// The README files' tables of settings against the code: the same names, the same defaults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "experiments/config.hpp"
#include "tests/abi/host.hpp"

namespace trellis {
namespace {

namespace fs = std::filesystem;
using Table = std::map<std::string, std::string>;  // name to default, as written

const fs::path kSource = TRELLIS_SOURCE_DIR;

std::string bare(std::string cell) {
  std::erase(cell, '`');
  const auto begin = cell.find_first_not_of(' ');
  if (begin == std::string::npos) return "";
  return cell.substr(begin, cell.find_last_not_of(' ') - begin + 1);
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line.substr(1));
  for (std::string cell; std::getline(stream, cell, '|');) cells.push_back(bare(cell));
  return cells;
}

// The rows of all tables whose second column is headed "default"; a row may be about several names.
Table settings_table(const fs::path& path) {
  std::ifstream file(path);
  Table table;
  bool inside = false;
  bool row_before = false;
  for (std::string line; std::getline(file, line); row_before = line.starts_with('|')) {
    if (!line.starts_with('|')) continue;
    const auto cells = cells_of(line);
    if (cells.size() < 3) continue;
    if (!row_before) {
      inside = cells[1] == "default" || cells[1] == "Default";
    } else if (inside && !cells[0].starts_with("---")) {
      std::istringstream names(cells[0]);
      for (std::string name; std::getline(names, name, ',');) {
        EXPECT_TRUE(table.emplace(bare(name), cells[1]).second) << path << " names twice " << name;
      }
    }
  }
  return table;
}

std::string written(const plugin::Setting& setting) {
  const auto& value = setting.default_value;
  if (value.is_null()) return "must be given";
  if (value.is_string()) return value.get<std::string>();
  return value.dump();
}

void expect_default(const plugin::Setting& setting, const std::string& cell,
                    const std::string& where) {
  if (setting.type == plugin::SettingType::list) return;  // told in words
  const auto given = nlohmann::json::parse(cell, nullptr, false);
  const bool same_number = setting.default_value.is_number() && given.is_number() &&
                           given.get<double>() == setting.default_value.get<double>();
  const auto code = written(setting);
  EXPECT_TRUE(same_number || cell == code || (cell == "none" && code.empty()))
      << where << ": " << setting.name << " has the default \"" << cell << "\", the code "
      << setting.default_value;
}

TEST(Documentation, NamesEveryKeyOfAnExperiment) {
  const auto table = settings_table(kSource / "experiments/README.md");
  std::vector<std::string> keys;
  for (const auto& setting : experiments::experiment_settings()) {
    keys.push_back(setting.name);
    const auto row = table.find(setting.name);
    if (row != table.end()) expect_default(setting, row->second, "experiments/README.md");
  }
  std::vector<std::string> rows;
  for (const auto& [name, cell] : table) rows.push_back(name);
  EXPECT_THAT(rows, testing::UnorderedElementsAreArray(keys));
}

// In the order in which they run.
TEST(Documentation, NamesEveryProcessorInTheConfigReference) {
  const plugin::Registry registry({tests::built_plugins()}, tests::quiet_host());
  std::map<double, std::string> by_rank;
  for (const auto& id : registry.ids(plugin::Kind::logits_processor)) {
    const auto& description = registry.get(plugin::Kind::logits_processor, id);
    by_rank[description.json.at("rank").get<double>()] = id;
  }
  const auto text = tests::read_file(kSource / "experiments/README.md");
  auto place = text.find("| processors |");
  ASSERT_NE(place, std::string::npos);
  for (const auto& [rank, id] : by_rank) {
    const auto next = text.find("`" + id + "`", place);
    EXPECT_NE(next, std::string::npos) << id << " is missing, or out of order";
    if (next != std::string::npos) place = next;
  }
}

// Settings that many models share are told once, on a page that their own pages link to.
void expect_documented(const plugin::Description& description, const fs::path& readme) {
  const auto where = fs::relative(readme, kSource).string();
  const auto own = settings_table(readme);
  const auto text = tests::read_file(readme);
  Table shared;
  std::string shared_page;
  for (const auto* page : {"../../../core/nn/README.md", "../README.md"}) {
    if (text.find(std::string("(") + page + ")") == std::string::npos) continue;
    const auto path = (readme.parent_path() / page).lexically_normal();
    shared = settings_table(path);
    shared_page = fs::relative(path, kSource).string();
  }
  std::vector<std::string> names;
  for (const auto& setting : description.settings) {
    names.push_back(setting.name);
    const auto row = own.find(setting.name);
    const auto shared_row = shared.find(setting.name);
    if (row != own.end()) {
      expect_default(setting, row->second, where);
    } else if (shared_row != shared.end()) {
      expect_default(setting, shared_row->second, where + " through " + shared_page);
    } else {
      ADD_FAILURE() << where << ": does not tell of the setting " << setting.name;
    }
  }
  for (const auto& [name, cell] : own) {
    EXPECT_THAT(names, testing::Contains(name)) << where << ": there is no such setting";
  }
}

TEST(Documentation, TellsEverySettingOfEveryPlugin) {
  const std::map<plugin::Kind, std::string> folders = {
      {plugin::Kind::model, "models"},
      {plugin::Kind::strategy, "strategies"},
      {plugin::Kind::logits_processor, "processors"},
      {plugin::Kind::task, "tasks"}};
  const plugin::Registry registry({tests::built_plugins()}, tests::quiet_host());
  std::size_t checked = 0;
  for (const auto& file : registry.files()) {
    for (const auto& description : file.offers) {
      const auto readme =
          kSource / "plugins" / folders.at(description.kind) / description.id / "README.md";
      EXPECT_TRUE(fs::exists(readme)) << readme << " is missing";
      if (fs::exists(readme)) expect_documented(description, readme);
      ++checked;
    }
  }
  EXPECT_GE(checked, 1U) << "no plugin was built";
}

}  // namespace
}  // namespace trellis

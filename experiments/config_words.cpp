#include "experiments/config_words.hpp"

namespace trellis::experiments {

using nlohmann::json;

void read_words(const toml::table& table, ValueReader& values, Problems& problems,
                std::vector<metrics::WordGroup>& groups) {
  const auto before = problems.count();
  metrics::WordGroup group;
  for (const auto& entry : entries_of(table, problems)) {
    if (entry.key == "name") {
      group.name = values.text_of(entry);
    } else if (entry.key == "words") {
      const auto list = entry.value.is_array() ? entry.value : json::array({entry.value});
      for (const auto& word : list) {
        if (word.is_string()) group.entries.push_back(word.get<std::string>());
      }
      if (group.entries.size() != list.size()) {
        problems.add(entry.position, "words: must be a list of texts");
      }
    } else {
      problems.add(entry.position, unknown_key(entry.key, "[[words]]", {"name", "words"}));
    }
  }
  if (problems.count() != before) return;
  groups.push_back(std::move(group));
  try {
    const metrics::WordGroups checked(groups);
  } catch (const Error& error) {
    problems.add(position_of(table), error.what());
    groups.pop_back();
  }
}

}  // namespace trellis::experiments

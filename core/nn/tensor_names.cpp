#include "core/nn/tensor_names.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace trellis::nn {

std::pair<std::string, Numbers> pattern_of(std::string_view name) {
  std::string pattern;
  Numbers numbers;
  while (true) {
    const std::size_t end = std::min(name.find('.'), name.size());
    const std::string_view part = name.substr(0, end);
    if (!part.empty() && part.find_first_not_of("0123456789") == part.npos) {
      pattern += "{}";
      numbers.emplace_back(part);
    } else {
      pattern += part;
    }
    if (end == name.size()) return {std::move(pattern), std::move(numbers)};
    pattern += '.';
    name.remove_prefix(end + 1);
  }
}

std::string with_numbers(std::string_view pattern, const Numbers& numbers) {
  std::string name;
  std::size_t used = 0;
  while (true) {
    const std::size_t place = pattern.find("{}");
    name += pattern.substr(0, place);
    if (place == pattern.npos) return name;
    name += numbers.at(used++);
    pattern.remove_prefix(place + 2);
  }
}

std::string list_names(const std::vector<std::string>& names) {
  std::map<std::string, std::vector<int>> groups;
  std::vector<std::string> order;
  for (const std::string& name : names) {
    auto [pattern, numbers] = pattern_of(name);
    const bool numbered = !numbers.empty() && numbers.front().size() < 9;
    std::string group = name;
    if (numbered) {
      Numbers rest = numbers;
      rest.front() = "{}";
      group = with_numbers(pattern, rest);
    }
    if (!groups.contains(group)) order.push_back(group);
    groups[group].push_back(numbered ? std::stoi(numbers.front()) : 0);
  }
  std::vector<std::string> shown;
  for (const std::string& group : order) {
    std::vector<int>& numbers = groups[group];
    std::ranges::sort(numbers);
    std::vector<std::string> ranges;
    for (std::size_t i = 0; i < numbers.size();) {
      std::size_t last = i;
      while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
      ranges.push_back(last > i ? fmt::format("{}-{}", numbers[i], numbers[last])
                                : fmt::format("{}", numbers[i]));
      i = last + 1;
    }
    std::string joined = fmt::format("{}", fmt::join(ranges, ","));
    if (numbers.size() > 1) joined = fmt::format("{{{}}}", joined);
    shown.push_back(with_numbers(group, {joined}));
  }
  return fmt::format("{}", fmt::join(shown, ", "));
}

}  // namespace trellis::nn

#include "experiments/sweep.hpp"

#include <fmt/format.h>

#include <cmath>

namespace trellis::experiments {
namespace {

using nlohmann::json;

constexpr double kMostValues = 10'000;
constexpr std::size_t kMostCombinations = 100'000;

double number_of(const json& range, const char* key) {
  const auto found = range.find(key);
  if (found == range.end() || !found->is_number()) {
    throw Error(Fault::usage, fmt::format("a range needs a number for `{}`, as in "
                                          "{{from = 0.5, to = 1.0, step = 0.1}}",
                                          key));
  }
  return found->get<double>();
}

// Steps of 0.1 add up to 0.7999999999999999: what a person means has few digits.
double rounded(double value) {
  return std::stod(fmt::format("{:.12g}", value));
}

}  // namespace

std::string value_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{:g}", value.get<double>());
  return value.dump();
}

std::string Combination::label(bool all) const {
  std::string text;
  for (const auto& [setting, value] : values) {
    if (all || setting->swept) text += fmt::format(" {}={}", setting->shown, value_text(value));
  }
  return text;
}

std::vector<Combination> combinations(const std::vector<SweptSetting>& settings) {
  std::size_t count = 1;
  for (const auto& setting : settings) {
    count *= setting.values.size();
    if (count > kMostCombinations) {
      throw Error(Fault::usage, fmt::format("its sweeps have more than {} combinations; give fewer "
                                            "values or larger steps",
                                            kMostCombinations));
    }
  }
  std::vector<Combination> all(1);
  for (const auto& setting : settings) {
    std::vector<Combination> longer;
    longer.reserve(all.size() * setting.values.size());
    for (const auto& combination : all) {
      for (const auto& value : setting.values) {
        longer.push_back(combination);
        longer.back().values.emplace_back(&setting, value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

bool is_range(const json& value) {
  return value.is_object() && value.contains("from") && value.contains("to");
}

std::vector<json> range_values(const json& range) {
  for (const auto& [key, value] : range.items()) {
    if (key != "from" && key != "to" && key != "step" && key != "count") {
      throw Error(Fault::usage, fmt::format("{}: a range has from, to, and step or count", key));
    }
  }
  const double from = number_of(range, "from");
  const double to = number_of(range, "to");
  const bool has_count = range.contains("count");
  if (has_count == range.contains("step")) {
    throw Error(Fault::usage, "a range needs either `step` or `count`");
  }
  const double count = has_count ? number_of(range, "count")
                                 : std::floor((to - from) / number_of(range, "step") + 1e-9) + 1;
  if (!std::isfinite(count) || count < 1 || count != std::trunc(count) || count > kMostValues) {
    throw Error(Fault::usage,
                fmt::format("the range must hold 1 to {} values: `step` must lead from `from` to "
                            "`to`, and `count` must be a whole number",
                            kMostValues));
  }
  const double step =
      has_count ? (count > 1 ? (to - from) / (count - 1) : 0) : number_of(range, "step");
  const bool whole = range["from"].is_number_integer() && step == std::trunc(step);
  std::vector<json> values;
  for (double i = 0; i < count; ++i) {
    const double value = rounded(from + i * step);
    values.push_back(whole ? json(static_cast<std::int64_t>(value)) : json(value));
  }
  return values;
}

}  // namespace trellis::experiments

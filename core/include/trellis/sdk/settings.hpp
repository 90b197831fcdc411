/// Settings declared once: the same lines make the description that the host checks configs with
/// and read the checked values into a struct.
///
///   struct Options { double top_p = 0.9; };
///   const auto schema = sdk::Settings<Options>().number(
///       "top_p", &Options::top_p, {.above = 0, .at_most = 1}, "Share of probability that is
///       kept.");
///
/// The struct's own initialisers are the defaults.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "trellis/sdk/json.hpp"

namespace trellis::sdk {

struct Range {
  std::optional<double> at_least = std::nullopt;
  std::optional<double> above = std::nullopt;
  std::optional<double> at_most = std::nullopt;
  std::optional<double> below = std::nullopt;
};

template <typename Options>
class Settings {
 public:
  Settings& integer(const char* name, std::int64_t Options::*member, Range range,
                    const char* summary) {
    return add(name, "integer", member, range, summary);
  }
  Settings& number(const char* name, double Options::*member, Range range, const char* summary) {
    return add(name, "number", member, range, summary);
  }
  Settings& boolean(const char* name, bool Options::*member, const char* summary) {
    return add(name, "boolean", member, {}, summary);
  }
  Settings& string(const char* name, std::string Options::*member, const char* summary) {
    return add(name, "string", member, {}, summary);
  }
  /// A file or folder; the host makes it absolute and checks that it is there.
  Settings& path(const char* name, std::string Options::*member, const char* summary) {
    add(name, "string", member, {}, summary);
    description_.back()["format"] = "path";
    return *this;
  }
  /// Several of them.
  Settings& paths(const char* name, std::vector<std::string> Options::*member,
                  const char* summary) {
    add(name, "list", member, {}, summary);
    description_.back()["format"] = "path";
    return *this;
  }
  Settings& choice(const char* name, std::string Options::*member,
                   const std::vector<std::string>& choices, const char* summary) {
    add(name, "choice", member, {}, summary);
    description_.back()["choices"] = choices;
    return *this;
  }
  Settings& strings(const char* name, std::vector<std::string> Options::*member,
                    const char* summary) {
    return add(name, "list", member, {}, summary);
  }
  /// Strings and numbers mixed.
  Settings& list(const char* name, std::vector<Json> Options::*member, const char* summary) {
    return add(name, "list", member, {}, summary);
  }
  /// The setting declared last must divide the integer setting `other`.
  Settings& divides(const char* other) {
    description_.back()["divides"] = other;
    return *this;
  }
  /// The setting declared last has no default: it must be given.
  Settings& required() {
    description_.back().erase("default");
    return *this;
  }
  /// Heading of the settings declared from here on.
  Settings& group(std::string heading) {
    group_ = std::move(heading);
    return *this;
  }

  const Json& description() const { return description_; }

  /// `settings` has been checked and completed by the host.
  Options read(const Json& settings) const {
    Options options;
    for (const auto& read_one : readers_) read_one(settings, options);
    return options;
  }

 private:
  template <typename Value>
  Settings& add(const char* name, const char* type, Value Options::*member, Range range,
                const char* summary) {
    Json entry = {{"name", name}, {"type", type}, {"default", Options{}.*member}};
    if (range.at_least) entry["minimum"] = *range.at_least;
    if (range.above) entry["exclusive_minimum"] = *range.above;
    if (range.at_most) entry["maximum"] = *range.at_most;
    if (range.below) entry["exclusive_maximum"] = *range.below;
    if (!group_.empty()) entry["group"] = group_;
    entry["summary"] = summary;
    description_.push_back(std::move(entry));
    readers_.push_back([name = std::string(name), member](const Json& settings, Options& options) {
      options.*member = settings.at(name).template get<Value>();
    });
    return *this;
  }

  Json description_ = Json::array();
  std::vector<std::function<void(const Json&, Options&)>> readers_;
  std::string group_;
};

}  // namespace trellis::sdk

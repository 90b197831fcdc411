#include "gui/view_state.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <span>
#include <type_traits>

#include "core/error.hpp"
#include "core/text/unicode.hpp"

namespace trellis::gui {
namespace {

constexpr std::array<std::string_view, 9> screen_names = {
    "runs", "leaderboard", "explore", "curves", "compare", "samples", "tokens", "rate", "sql"};
constexpr std::array<std::string_view, 4> sort_names = {"example", "value", "difference", "length"};
constexpr std::array<std::string_view, 4> colour_names = {"probability", "surprisal", "entropy",
                                                          "rank"};
constexpr std::array<std::string_view, 3> axis_names = {"steps", "tokens", "seconds"};
constexpr std::array<std::string_view, 3> explore_names = {"metrics", "setting", "parallel"};
constexpr std::array<std::string_view, 2> rating_names = {"pairs", "scores"};
constexpr std::string_view scheme = "trellis:";

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Fault::usage, fmt::format("link: {}; copy one from the dashboard (Ctrl+L)", what));
}

std::string escaped(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~,*/:";
  std::string out;
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    if (plain.find(byte) != std::string_view::npos) {
      out += byte;
    } else {
      out += '%';
      out += digits[value >> 4U];
      out += digits[value & 15U];
    }
  }
  return out;
}

int digit_of(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  return -1;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    const int high = at + 2 < text.size() ? digit_of(text[at + 1]) : -1;
    const int low = at + 2 < text.size() ? digit_of(text[at + 2]) : -1;
    if (high < 0 || low < 0) refuse("'%' must be followed by two hexadecimal digits");
    out += static_cast<char>(high * 16 + low);
    at += 2;
  }
  if (text::find_invalid_utf8(out)) refuse(fmt::format("'{}' is no UTF-8", text));
  return out;
}

template <typename Value, std::size_t size>
void read_name(std::string_view text, const std::array<std::string_view, size>& names,
               Value& value) {
  for (std::size_t i = 0; i < size; ++i) {
    if (names[i] == text) {
      value = static_cast<Value>(i);
      return;
    }
  }
  refuse(fmt::format("'{}' is not known", text));
}

template <typename Number>
void read_number(std::string_view text, Number& value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) {
    refuse(fmt::format("'{}' is no number that fits", text));
  }
}

/// Calls `visit(key, value)` for every field in a link's order: reading and writing cannot differ.
template <typename State, typename Visit>
void for_each_field(State& state, Visit&& visit) {
  visit("experiment", state.experiment);
  visit("task", state.task);
  visit("metric", state.metric);
  visit("baseline", state.baseline);
  visit("trials", state.trials);
  visit("example", state.example);
  visit("sample", state.sample);
  visit("arm", state.arm);
  visit("token", state.token);
  visit("trial_filter", state.trial_filter);
  visit("pivot", state.pivot);
  visit("sort", state.sort);
  visit("ascending", state.ascending);
  visit("filter", state.filter);
  visit("sample_sort", state.sample_sort);
  visit("sample_descending", state.sample_descending);
  visit("colour", state.colour);
  visit("attention", state.attention);
  visit("attention_kind", state.attention_kind);
  visit("tree", state.tree);
  visit("beams", state.beams);
  visit("layer", state.layer);
  visit("head", state.head);
  visit("explore", state.explore);
  visit("against", state.against);
  visit("setting", state.setting);
  visit("axis", state.axis);
  visit("smoothing", state.smoothing);
  visit("log_x", state.log_x);
  visit("log_y", state.log_y);
  visit("rating", state.rating);
  visit("criterion", state.criterion);
  visit("other", state.other);
  visit("results", state.results);
  visit("sql", state.sql);
}

std::string written(const std::string& value) {
  return escaped(value);
}
std::string written(bool value) {
  return value ? "1" : "0";
}
std::string written(std::uint64_t value) {
  return std::to_string(value);
}
std::string written(SampleSort value) {
  return std::string(sort_names[static_cast<std::size_t>(value)]);
}
std::string written(TokenColour value) {
  return std::string(colour_names[static_cast<std::size_t>(value)]);
}
std::string written(CurveAxis value) {
  return std::string(axis_names[static_cast<std::size_t>(value)]);
}
std::string written(ExploreKind value) {
  return std::string(explore_names[static_cast<std::size_t>(value)]);
}
std::string written(RatingKind value) {
  return std::string(rating_names[static_cast<std::size_t>(value)]);
}
std::string written(double value) {
  std::array<char, 32> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}
std::string written(const std::vector<std::string>& values) {
  std::string text;
  for (const auto& value : values)
    text += fmt::format("{}{}", text.empty() ? "" : "+", escaped(value));
  return text;
}

void read(std::string_view text, std::string& value) {
  value = unescaped(text);
}
void read(std::string_view text, bool& value) {
  if (text != "0" && text != "1") refuse(fmt::format("'{}' must be 0 or 1", text));
  value = text == "1";
}
void read(std::string_view text, std::uint64_t& value) {
  read_number(text, value);
}
void read(std::string_view text, double& value) {
  read_number(text, value);
  if (!(value >= 0 && value < 1)) refuse("smoothing must lie in [0, 1)");
}
void read(std::string_view text, SampleSort& value) {
  read_name(text, sort_names, value);
}
void read(std::string_view text, TokenColour& value) {
  read_name(text, colour_names, value);
}
void read(std::string_view text, CurveAxis& value) {
  read_name(text, axis_names, value);
}
void read(std::string_view text, ExploreKind& value) {
  read_name(text, explore_names, value);
}
void read(std::string_view text, RatingKind& value) {
  read_name(text, rating_names, value);
}
void read(std::string_view text, std::vector<std::string>& values) {
  values.clear();
  while (!text.empty()) {
    const auto end = std::min(text.find('+'), text.size());
    values.push_back(unescaped(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (values.size() > most_trials) {
    refuse(fmt::format("at most {} trials stand side by side", most_trials));
  }
}

}  // namespace

std::string_view to_string(Screen screen) {
  return screen_names[static_cast<std::size_t>(screen)];
}

std::string link_of(const ViewState& state) {
  auto link = fmt::format("{}{}", scheme, to_string(state.screen));
  const ViewState fresh;
  std::vector<std::string> defaults;
  for_each_field(fresh,
                 [&](const char*, const auto& value) { defaults.push_back(written(value)); });
  std::size_t field = 0;
  char separator = '?';
  for_each_field(state, [&](const char* key, const auto& value) {
    const auto text = written(value);
    if (text == defaults[field++]) return;
    link += fmt::format("{}{}={}", separator, key, text);
    separator = '&';
  });
  return link;
}

ViewState state_of(std::string_view link) {
  ViewState state;
  if (!link.starts_with(scheme)) refuse(fmt::format("it must begin with '{}'", scheme));
  link.remove_prefix(scheme.size());
  auto end = std::min(link.find('?'), link.size());
  read_name(link.substr(0, end), screen_names, state.screen);
  link.remove_prefix(std::min(end + 1, link.size()));
  while (!link.empty()) {
    end = std::min(link.find('&'), link.size());
    const auto field = link.substr(0, end);
    const auto equals = field.find('=');
    if (equals == std::string_view::npos) refuse(fmt::format("'{}' has no '='", field));
    bool known = false;
    for_each_field(state, [&](const char* key, auto& value) {
      if (field.substr(0, equals) != key) return;
      known = true;
      read(field.substr(equals + 1), value);
    });
    if (!known) refuse(fmt::format("'{}' is not known", field.substr(0, equals)));
    link.remove_prefix(std::min(end + 1, link.size()));
  }
  return state;
}

}  // namespace trellis::gui

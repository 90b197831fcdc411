#include <fmt/format.h>

#include "core/text/unicode.hpp"
#include "reports/html/page.hpp"

namespace trellis::reports::html {

std::string escape(std::string_view text) {
  const auto valid = text::replace_invalid_utf8(text);
  std::string out;
  out.reserve(valid.size() + valid.size() / 8);
  for (const char byte : valid) {
    const auto code = static_cast<unsigned char>(byte);
    switch (byte) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\n':
      case '\t':
        out += byte;
        break;
      default:
        if (code < 0x20 || code == 0x7f) {
          text::append_utf8(code == 0x7f ? U'\u2421' : char32_t{0x2400} + code, out);
        } else {
          out += byte;
        }
    }
  }
  return out;
}

std::string escape_cut(std::string_view text, std::size_t limit) {
  const auto valid = text::replace_invalid_utf8(text);
  std::size_t characters = 0;
  std::size_t end = 0;
  for (; end < valid.size() && characters <= limit; ++end) {
    if ((static_cast<unsigned char>(valid[end]) & 0xC0U) != 0x80U && ++characters > limit) break;
  }
  if (end >= valid.size()) return escape(valid);
  return escape(valid.substr(0, end)) + "<span class=\"note\"> … (cut here)</span>";
}

std::string arm_name(const std::string& model, const std::string& strategy) {
  return fmt::format("<bdi>{}</bdi> × <bdi>{}</bdi>", escape(model), escape(strategy));
}

std::string trial_link(const Data& data, const std::string& trial, const std::string& markup) {
  const auto found = data.trial_anchors.find(trial);
  if (found == data.trial_anchors.end()) return markup;
  return fmt::format("<a href=\"#{}\">{}</a>", found->second, markup);
}

std::string language(const nlohmann::json& settings, const char* setting) {
  const auto found = settings.find(setting);
  if (found == settings.end() || !found->is_string()) return "";
  const auto code = found->get<std::string>();
  return code.empty() ? "" : fmt::format(" lang=\"{}\"", escape(code));
}

std::string scrolling(const std::string& label, const std::string& table) {
  return fmt::format(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">{}</div>\n",
      escape(label), table);
}

}  // namespace trellis::reports::html

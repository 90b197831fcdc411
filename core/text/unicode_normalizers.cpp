#include <unicode/uchar.h>

#include <array>

#include "core/error.hpp"
#include "core/text/character_classes.hpp"
#include "core/text/normalizer.hpp"
#include "core/text/unicode.hpp"
#include "core/text/unicode_forms.hpp"

namespace trellis::text {
namespace {

bool is_ascii(char byte) {
  return static_cast<unsigned char>(byte) < 0x80;
}

std::size_t ascii_end(std::string_view text, std::size_t at) {
  while (at < text.size() && is_ascii(text[at])) ++at;
  return at;
}

std::size_t non_ascii_end(std::string_view text, std::size_t at) {
  while (at < text.size() && !is_ascii(text[at])) ++at;
  return at;
}

std::vector<PlacedCodePoint> placed(std::string_view text, std::size_t begin, std::size_t end) {
  std::vector<PlacedCodePoint> points;
  std::size_t at = begin;
  for (const auto piece : split_code_points(text.substr(begin, end - begin))) {
    points.push_back({code_point_of(piece), static_cast<std::uint32_t>(at)});
    at += piece.size();
  }
  return points;
}

class UnicodeNormalizer final : public Normalizer {
 public:
  explicit UnicodeNormalizer(UnicodeForm form) : form_(form) {}

  void apply(AlignedText& text) const override {
    const auto old = text.text();
    std::size_t next = ascii_end(old, 0);
    if (next == old.size()) return;
    Rewriting out(text);
    std::size_t at = 0;
    while (next < old.size()) {
      // An ASCII character joins with marks after it, and with nothing before it.
      const std::size_t begin = next > at ? next - 1 : next;
      const std::size_t end = non_ascii_end(old, next);
      out.keep(at, begin);
      if (is_normalized(old.substr(begin, end - begin), form_)) {
        out.keep(begin, end);
      } else {
        auto points = placed(old, begin, end);
        normalize(points, form_);
        for (const auto& point : points) out.put(point.code_point, point.at);
      }
      at = end;
      next = ascii_end(old, at);
    }
    out.keep(at, old.size());
    out.finish();
  }

 private:
  UnicodeForm form_;
};

/// U+0130 is the only one that becomes two without a look at its neighbours.
void push_lower(PlacedCodePoint point, std::vector<PlacedCodePoint>& out) {
  if (point.code_point == 0x130) {
    out.push_back({U'i', point.at});
    out.push_back({0x307, point.at});
  } else {
    const auto lower = u_tolower(static_cast<UChar32>(point.code_point));
    out.push_back({static_cast<char32_t>(lower), point.at});
  }
}

class LowercaseNormalizer final : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    const auto old = text.text();
    Rewriting out(text);
    std::vector<PlacedCodePoint> points;
    for (std::size_t at = 0; at < old.size();) {
      if (is_ascii(old[at])) {
        const char c = old[at];
        out.put_ascii(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c, at);
        ++at;
        continue;
      }
      const auto end = non_ascii_end(old, at);
      points.clear();
      for (const auto& point : placed(old, at, end)) push_lower(point, points);
      for (const auto& point : points) out.put(point.code_point, point.at);
      at = end;
    }
    out.finish();
  }
};

bool is_ideograph(char32_t c) {
  // As BERT's published code has it, the gap before U+2B920 included.
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_control(char32_t c) {
  return (classes_of(c) & kBertControl) != 0;
}

class BertNormalizer final : public Normalizer {
 public:
  explicit BertNormalizer(const BertNormalization& settings) : settings_(settings) {
    for (int byte = 0; byte < 128; ++byte) {
      char c = static_cast<char>(byte);
      if (settings_.clean_text) {
        const auto point = static_cast<char32_t>(byte);
        if (byte == 0 || is_control(point)) c = 0;
        if ((classes_of(point) & kWhiteSpace) != 0) c = ' ';
        dropped_[byte] = c == 0;
      }
      if (settings_.lowercase && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      ascii_[byte] = c;
    }
  }

  void apply(AlignedText& text) const override {
    const auto old = text.text();
    Rewriting out(text);
    for (std::size_t at = 0; at < old.size();) {
      if (is_ascii(old[at])) {
        const auto byte = static_cast<unsigned char>(old[at]);
        if (!dropped_[byte]) out.put_ascii(ascii_[byte], at);
        ++at;
        continue;
      }
      // ASCII on either side takes no part in decomposition.
      const auto end = non_ascii_end(old, at);
      for (const auto& point : rewritten(placed(old, at, end))) out.put(point.code_point, point.at);
      at = end;
    }
    out.finish();
  }

 private:
  std::vector<PlacedCodePoint> rewritten(const std::vector<PlacedCodePoint>& points) const {
    std::vector<PlacedCodePoint> cleaned;
    for (auto point : points) {
      if (settings_.clean_text) {
        if (point.code_point == 0xFFFD || is_control(point.code_point)) continue;
        if ((classes_of(point.code_point) & kWhiteSpace) != 0) point.code_point = ' ';
      }
      const bool spaced = settings_.handle_chinese_chars && is_ideograph(point.code_point);
      if (spaced) cleaned.push_back({U' ', point.at});
      cleaned.push_back(point);
      if (spaced) cleaned.push_back({U' ', point.at});
    }
    if (settings_.strip_accents) {
      normalize(cleaned, UnicodeForm::nfd);
      std::erase_if(cleaned, [](const PlacedCodePoint& point) {
        return (classes_of(point.code_point) & kNonSpacingMark) != 0;
      });
    }
    if (!settings_.lowercase) return cleaned;
    std::vector<PlacedCodePoint> lower;
    lower.reserve(cleaned.size());
    for (const auto& point : cleaned) push_lower(point, lower);
    return lower;
  }

  BertNormalization settings_;
  std::array<char, 128> ascii_{};
  std::array<bool, 128> dropped_{};
};

}  // namespace

std::unique_ptr<Normalizer> make_bert_normalizer(const BertNormalization& settings) {
  return std::make_unique<BertNormalizer>(settings);
}

std::unique_ptr<Normalizer> make_unicode_normalizer(const std::string& form) {
  if (form == "NFC") return std::make_unique<UnicodeNormalizer>(UnicodeForm::nfc);
  if (form == "NFD") return std::make_unique<UnicodeNormalizer>(UnicodeForm::nfd);
  if (form == "NFKC") return std::make_unique<UnicodeNormalizer>(UnicodeForm::nfkc);
  if (form == "NFKD") return std::make_unique<UnicodeNormalizer>(UnicodeForm::nfkd);
  throw Error(Fault::bad_data, "tokenizer: unknown Unicode form \"" + form + "\"");
}

std::unique_ptr<Normalizer> make_lowercase_normalizer() {
  return std::make_unique<LowercaseNormalizer>();
}

}  // namespace trellis::text

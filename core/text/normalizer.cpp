#include "core/text/normalizer.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.hpp"
#include "core/text/character_classes.hpp"
#include "core/text/pattern.hpp"
#include "core/text/precompiled_normalizer.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

class SequenceNormalizer final : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<std::unique_ptr<Normalizer>> steps)
      : steps_(std::move(steps)) {}
  void apply(AlignedText& text) const override {
    for (const auto& step : steps_) step->apply(text);
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string before) : before_(std::move(before)) {}
  void apply(AlignedText& text) const override {
    if (text.text().empty()) return;
    Rewriting out(text);
    out.put(before_, 0);
    out.keep(0, out.old().size());
    out.finish();
  }

 private:
  std::string before_;
};

class ReplaceText final : public Normalizer {
 public:
  ReplaceText(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  void apply(AlignedText& text) const override {
    const auto old = text.text();
    std::size_t found = old.find(from_);
    if (found == std::string_view::npos) return;
    Rewriting out(text);
    std::size_t at = 0;
    for (; found != std::string_view::npos; found = old.find(from_, at)) {
      out.keep(at, found);
      at = found + from_.size();
      out.put(to_, at - 1);
    }
    out.keep(at, old.size());
    out.finish();
  }

 private:
  std::string from_;
  std::string to_;
};

class ReplacePattern final : public Normalizer {
 public:
  ReplacePattern(Pattern pattern, std::string to)
      : pattern_(std::move(pattern)), to_(std::move(to)) {}
  void apply(AlignedText& text) const override {
    Rewriting out(text);
    const auto old = out.old();
    std::size_t at = 0;
    pattern_.for_each_match(old, [&](std::string_view match) {
      const auto begin = static_cast<std::size_t>(match.data() - old.data());
      out.keep(at, begin);
      at = begin + match.size();
      out.put(to_, at - 1);
    });
    out.keep(at, old.size());
    out.finish();
  }

 private:
  Pattern pattern_;
  std::string to_;
};

/// Keeps or replaces single characters: `Change(code_point)` gives the new one, or nothing.
template <typename Change>
class EachCharacter final : public Normalizer {
 public:
  void apply(AlignedText& text) const override {
    Rewriting out(text);
    const auto old = out.old();
    std::size_t at = 0;
    for (const auto piece : split_code_points(old)) {
      const char32_t before = code_point_of(piece);
      const std::optional<char32_t> after = Change{}(before);
      if (after == before) {
        out.keep(at, at + piece.size());
      } else if (after) {
        out.put(*after, at);
      }
      at += piece.size();
    }
    out.finish();
  }
};

/// The cleaning that Google's neural machine translation began with (Wu et al. 2016).
struct NmtCharacter {
  std::optional<char32_t> operator()(char32_t c) const {
    if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
        c == 0x8F || c == 0x9F) {
      return std::nullopt;
    }
    const bool space = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                       (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                       c == 0xFEFF || c == 0xFFFD;
    return space ? U' ' : c;
  }
};

struct WithoutAccents {
  std::optional<char32_t> operator()(char32_t c) const {
    if (is_mark(c)) return std::nullopt;
    return c;
  }
};

class StripNormalizer final : public Normalizer {
 public:
  StripNormalizer(bool left, bool right) : left_(left), right_(right) {}
  void apply(AlignedText& text) const override {
    const auto old = text.text();
    std::size_t begin = left_ ? old.size() : 0;
    std::size_t end = right_ ? 0 : old.size();
    for (std::size_t at = 0; at < old.size();) {
      const std::size_t start = at;
      if ((next_classes(old, at) & kWhiteSpace) != 0) continue;
      if (left_ && begin == old.size()) begin = start;
      if (right_) end = at;
    }
    Rewriting out(text);
    out.keep(std::min(begin, end), end);
    out.finish();
  }

 private:
  bool left_;
  bool right_;
};

std::unique_ptr<Normalizer> read_replace(const nlohmann::json& json) {
  const auto to = json.at("content").get<std::string>();
  const auto& pattern = json.at("pattern");
  if (pattern.contains("Regex")) {
    const auto written = pattern.at("Regex").get<std::string>();
    return std::make_unique<ReplacePattern>(Pattern::read(written), to);
  }
  auto from = pattern.at("String").get<std::string>();
  if (from.empty()) throw Error(Fault::bad_data, "tokenizer: a Replace normalizer of nothing");
  return std::make_unique<ReplaceText>(std::move(from), to);
}

std::unique_ptr<Normalizer> read_bert(const nlohmann::json& json) {
  BertNormalization settings;
  settings.clean_text = json.value("clean_text", true);
  settings.handle_chinese_chars = json.value("handle_chinese_chars", true);
  settings.lowercase = json.value("lowercase", true);
  const auto strip = json.find("strip_accents");
  settings.strip_accents =
      strip == json.end() || strip->is_null() ? settings.lowercase : strip->get<bool>();
  return make_bert_normalizer(settings);
}

}  // namespace

std::unique_ptr<Normalizer> read_normalizer(const nlohmann::json& json) {
  if (json.is_null()) return nullptr;
  const auto type = json.at("type").get<std::string>();
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Normalizer>> steps;
    for (const auto& part : json.at("normalizers")) {
      if (auto step = read_normalizer(part)) steps.push_back(std::move(step));
    }
    return std::make_unique<SequenceNormalizer>(std::move(steps));
  }
  if (type == "Prepend") return std::make_unique<Prepend>(json.at("prepend").get<std::string>());
  if (type == "Replace") return read_replace(json);
  if (type == "BertNormalizer") return read_bert(json);
  if (type == "Nmt") return std::make_unique<EachCharacter<NmtCharacter>>();
  if (type == "StripAccents") return std::make_unique<EachCharacter<WithoutAccents>>();
  if (type == "Lowercase") return make_lowercase_normalizer();
  if (type == "Strip") {
    return std::make_unique<StripNormalizer>(json.value("strip_left", true),
                                             json.value("strip_right", true));
  }
  if (type == "Precompiled") {
    return make_precompiled_normalizer(json.at("precompiled_charsmap").get<std::string>());
  }
  if (type.starts_with("NF")) return make_unicode_normalizer(type);
  throw Error(Fault::bad_data,
              fmt::format("tokenizer: unknown normalizer \"{}\": known are Sequence, Prepend, "
                          "Replace, BertNormalizer, Nmt, NFC, NFD, NFKC, NFKD, Lowercase, Strip, "
                          "StripAccents and Precompiled",
                          type));
}

}  // namespace trellis::text

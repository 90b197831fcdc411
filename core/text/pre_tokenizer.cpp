#include "core/text/pre_tokenizer.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text/byte_level_bpe.hpp"
#include "core/text/character_classes.hpp"
#include "core/text/pattern.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

/// What becomes of the text between two cuts.
enum class Delimiter { removed, isolated, merged_with_previous, merged_with_next, contiguous };

Delimiter read_delimiter(const std::string& name) {
  if (name == "Removed") return Delimiter::removed;
  if (name == "Isolated") return Delimiter::isolated;
  if (name == "MergedWithPrevious") return Delimiter::merged_with_previous;
  if (name == "MergedWithNext") return Delimiter::merged_with_next;
  if (name == "Contiguous") return Delimiter::contiguous;
  throw Error(Fault::bad_data, fmt::format("tokenizer: unknown behavior \"{}\"", name));
}

/// \w+|[^\w\s]+, with Unicode's definition of \w (UTS 18) instead of PCRE2's.
constexpr std::string_view kWordsAndMarks =
    R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}\s]+)";

/// Takes a piece's parts in order, delimiters and what lies between, and appends the new pieces.
class Cutter {
 public:
  Cutter(Delimiter behavior, std::vector<Piece>& out) : behavior_(behavior), out_(out) {}

  void add(std::size_t begin, std::size_t end, bool delimiter) {
    if (begin == end) return;
    const Piece piece{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
    const bool after_delimiter = was_delimiter_;
    was_delimiter_ = delimiter;
    const bool first = std::exchange(first_, false);
    bool joins = false;
    switch (behavior_) {
      case Delimiter::removed:
        if (delimiter) return;
        break;
      case Delimiter::isolated:
        break;
      case Delimiter::merged_with_previous:
        joins = !first && delimiter && !after_delimiter;
        break;
      case Delimiter::merged_with_next:
        joins = !first && !delimiter && after_delimiter;
        break;
      case Delimiter::contiguous:
        joins = !first && delimiter == after_delimiter;
    }
    if (joins) {
      out_.back().end = piece.end;
    } else {
      out_.push_back(piece);
    }
  }

 private:
  Delimiter behavior_;
  std::vector<Piece>& out_;
  bool first_ = true;
  bool was_delimiter_ = false;
};

template <typename Cut>
void cut_each(std::vector<Piece>& pieces, Cut&& cut) {
  std::vector<Piece> out;
  for (const Piece& piece : pieces) cut(piece, out);
  pieces = std::move(out);
}

class SequencePreTokenizer final : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(std::vector<std::unique_ptr<PreTokenizer>> steps)
      : steps_(std::move(steps)) {}
  void apply(AlignedText& text, std::vector<Piece>& pieces) const override {
    for (const auto& step : steps_) step->apply(text, pieces);
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

/// Cuts where a pattern matches, or, inverted, where it does not.
class Split final : public PreTokenizer {
 public:
  Split(Pattern pattern, Delimiter behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void apply(AlignedText& text, std::vector<Piece>& pieces) const override {
    const auto all = text.text();
    cut_each(pieces, [&](const Piece& piece, std::vector<Piece>& out) {
      Cutter cutter(behavior_, out);
      std::size_t at = piece.begin;
      pattern_.for_each_match(
          all.substr(piece.begin, piece.end - piece.begin), [&](std::string_view match) {
            const auto begin = static_cast<std::size_t>(match.data() - all.data());
            cutter.add(at, begin, invert_);
            at = begin + match.size();
            cutter.add(begin, at, !invert_);
          });
      cutter.add(at, piece.end, invert_);
    });
  }

 private:
  Pattern pattern_;
  Delimiter behavior_;
  bool invert_;
};

/// Cuts at single characters of some classes.
class SplitClasses final : public PreTokenizer {
 public:
  SplitClasses(std::uint8_t classes, Delimiter behavior) : classes_(classes), behavior_(behavior) {}

  void apply(AlignedText& text, std::vector<Piece>& pieces) const override {
    const auto all = text.text();
    cut_each(pieces, [&](const Piece& piece, std::vector<Piece>& out) {
      Cutter cutter(behavior_, out);
      std::size_t between = piece.begin;
      for (std::size_t at = piece.begin; at < piece.end;) {
        const std::size_t begin = at;
        if ((next_classes(all, at) & classes_) == 0) continue;
        cutter.add(between, begin, false);
        cutter.add(begin, at, true);
        between = at;
      }
      cutter.add(between, piece.end, false);
    });
  }

 private:
  std::uint8_t classes_;
  Delimiter behavior_;
};

/// White space goes, each mark of punctuation stands alone.
class BertPreTokenizer final : public PreTokenizer {
 public:
  void apply(AlignedText& text, std::vector<Piece>& pieces) const override {
    const auto all = text.text();
    cut_each(pieces, [&](const Piece& piece, std::vector<Piece>& out) {
      std::size_t word = piece.begin;
      const auto end_word = [&](std::size_t end) {
        if (end > word)
          out.push_back({static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(end)});
      };
      for (std::size_t at = piece.begin; at < piece.end;) {
        const std::size_t begin = at;
        const auto classes = next_classes(all, at);
        if ((classes & (kWhiteSpace | kBertPunctuation)) == 0) continue;
        end_word(begin);
        word = begin;
        if ((classes & kWhiteSpace) == 0) end_word(at);
        word = at;
      }
      end_word(piece.end);
    });
  }
};

/// Puts `before` in front of each piece that does not begin with it and is `wanted`.
template <typename Wanted>
void prepend(AlignedText& text, std::vector<Piece>& pieces, std::string_view before,
             const Wanted& wanted) {
  const auto old = text.text();
  std::vector<bool> needs;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto piece = old.substr(pieces[i].begin, pieces[i].end - pieces[i].begin);
    needs.push_back(!piece.starts_with(before) && wanted(i));
  }
  if (std::find(needs.begin(), needs.end(), true) == needs.end()) return;
  Rewriting out(text);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    Piece& piece = pieces[i];
    const auto begin = static_cast<std::uint32_t>(out.size());
    if (needs[i]) out.put(before, piece.begin);
    out.keep(piece.begin, piece.end);
    piece = {begin, static_cast<std::uint32_t>(out.size())};
  }
  out.finish();
}

class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_pattern)
      : add_prefix_space_(add_prefix_space), use_pattern_(use_pattern) {}

  void apply(AlignedText& text, std::vector<Piece>& pieces) const override {
    if (add_prefix_space_) prepend(text, pieces, " ", [](std::size_t) { return true; });
    if (!use_pattern_) return;
    const auto all = text.text();
    cut_each(pieces, [&](const Piece& piece, std::vector<Piece>& out) {
      split_as_gpt2(all, piece.begin, piece.end, out);
    });
  }

 private:
  bool add_prefix_space_;
  bool use_pattern_;
};

/// Spaces become a visible character that words begin with.
class Metaspace final : public PreTokenizer {
 public:
  enum class Prepend { always, first, never };
  Metaspace(std::string space, Prepend scheme, bool split)
      : space_(std::move(space)), scheme_(scheme), split_(split) {}

  void apply(AlignedText& text, std::vector<Piece>& pieces) const override {
    // The first piece is one that comes from the original's beginning.
    std::vector<bool> wanted(pieces.size(), scheme_ == Prepend::always);
    for (std::size_t i = 0; i < pieces.size() && scheme_ == Prepend::first; ++i) {
      wanted[i] = text.source(pieces[i].begin, pieces[i].begin + 1).begin == 0;
    }
    replace_spaces(text, pieces);
    prepend(text, pieces, space_, [&](std::size_t i) { return wanted[i]; });
    if (!split_) return;
    const auto all = text.text();
    cut_each(pieces, [&](const Piece& piece, std::vector<Piece>& out) {
      std::size_t begin = piece.begin;
      while (begin < piece.end) {
        const std::size_t next = std::min<std::size_t>(all.find(space_, begin + 1), piece.end);
        out.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(next)});
        begin = next;
      }
    });
  }

 private:
  void replace_spaces(AlignedText& text, std::vector<Piece>& pieces) const {
    if (text.text().find(' ') == std::string_view::npos) return;
    Rewriting out(text);
    const auto old = out.old();
    for (Piece& piece : pieces) {
      const auto begin = static_cast<std::uint32_t>(out.size());
      std::size_t at = piece.begin;
      while (at < piece.end) {
        const std::size_t space = std::min<std::size_t>(old.find(' ', at), piece.end);
        out.keep(at, space);
        at = space;
        if (at < piece.end) out.put(space_, at++);
      }
      piece = {begin, static_cast<std::uint32_t>(out.size())};
    }
    out.finish();
  }

  std::string space_;
  Prepend scheme_;
  bool split_;
};

PreTokenizerParts read_sequence(const nlohmann::json& json) {
  PreTokenizerParts out;
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  for (const auto& part : json.at("pretokenizers")) {
    if (out.byte_level) {
      throw Error(Fault::bad_data, "tokenizer: the pre-tokenizer ByteLevel must be the last one");
    }
    auto step = read_pre_tokenizer(part);
    out.byte_level = step.byte_level;
    out.needs_ranges |= step.needs_ranges;
    if (step.pre_tokenizer) steps.push_back(std::move(step.pre_tokenizer));
  }
  out.pre_tokenizer = std::make_unique<SequencePreTokenizer>(std::move(steps));
  return out;
}

std::unique_ptr<PreTokenizer> read_split(const nlohmann::json& json) {
  const auto& pattern = json.at("pattern");
  const std::string written = pattern.contains("Regex")
                                  ? pattern.at("Regex").get<std::string>()
                                  : literal_pattern(pattern.at("String").get<std::string>());
  return std::make_unique<Split>(Pattern::read(written),
                                 read_delimiter(json.at("behavior").get<std::string>()),
                                 json.value("invert", false));
}

std::unique_ptr<PreTokenizer> read_metaspace(const nlohmann::json& json) {
  const auto space = json.at("replacement").get<std::string>();
  if (space.empty()) throw Error(Fault::bad_data, "tokenizer: Metaspace without a replacement");
  const auto scheme = json.contains("prepend_scheme")
                          ? json.at("prepend_scheme").get<std::string>()
                          : (json.value("add_prefix_space", true) ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    throw Error(Fault::bad_data, fmt::format("tokenizer: unknown prepend_scheme \"{}\"", scheme));
  }
  using Prepend = Metaspace::Prepend;
  return std::make_unique<Metaspace>(space,
                                     scheme == "always"  ? Prepend::always
                                     : scheme == "first" ? Prepend::first
                                                         : Prepend::never,
                                     json.value("split", true));
}

}  // namespace

PreTokenizerParts read_pre_tokenizer(const nlohmann::json& json) {
  if (json.is_null()) return {};
  const auto type = json.at("type").get<std::string>();
  if (type == "Sequence") return read_sequence(json);
  PreTokenizerParts out;
  if (type == "ByteLevel") {
    out.byte_level = true;
    out.pre_tokenizer = std::make_unique<ByteLevel>(json.at("add_prefix_space").get<bool>(),
                                                    json.value("use_regex", true));
  } else if (type == "BertPreTokenizer") {
    out.pre_tokenizer = std::make_unique<BertPreTokenizer>();
  } else if (type == "Metaspace") {
    out.pre_tokenizer = read_metaspace(json);
    out.needs_ranges = true;
  } else if (type == "Split") {
    out.pre_tokenizer = read_split(json);
  } else if (type == "Whitespace") {
    out.pre_tokenizer = std::make_unique<Split>(Pattern(kWordsAndMarks), Delimiter::removed, true);
  } else if (type == "WhitespaceSplit") {
    out.pre_tokenizer = std::make_unique<SplitClasses>(kWhiteSpace, Delimiter::removed);
  } else if (type == "Punctuation") {
    out.pre_tokenizer = std::make_unique<SplitClasses>(
        kBertPunctuation, read_delimiter(json.value("behavior", std::string("Isolated"))));
  } else if (type == "Digits") {
    out.pre_tokenizer = std::make_unique<SplitClasses>(
        kNumber,
        json.value("individual_digits", false) ? Delimiter::isolated : Delimiter::contiguous);
  } else {
    throw Error(Fault::bad_data,
                fmt::format("tokenizer: unknown pre-tokenizer \"{}\": known are Sequence, "
                            "ByteLevel, BertPreTokenizer, Metaspace, Split, Whitespace, "
                            "WhitespaceSplit, Punctuation and Digits",
                            type));
  }
  return out;
}

}  // namespace trellis::text

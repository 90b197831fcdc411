#include "core/text/pipeline_tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "core/error.hpp"
#include "core/text/character_classes.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

class PipelineTokenizer final : public Tokenizer {
 public:
  explicit PipelineTokenizer(PipelineParts parts)
      : parts_(std::move(parts)), special_(parts_.names.size()) {
    std::vector<AddedToken> as_written;
    std::vector<AddedToken> normalized;
    for (const AddedToken& token : parts_.added) {
      special_[static_cast<std::size_t>(token.id)] = token.special;
      AddedToken sought = token;
      if (token.normalized && parts_.normalizer) {
        AlignedText text(token.content, 0, false);
        parts_.normalizer->apply(text);
        sought.content = std::string(text.text());
      }
      (token.normalized ? normalized : as_written).push_back(std::move(sought));
    }
    added_ = AddedTokens(std::move(as_written));
    added_normalized_ = AddedTokens(std::move(normalized));
    ids_.reserve(parts_.names.size());
    for (std::size_t id = 0; id < parts_.names.size(); ++id) {
      if (!parts_.names[id].empty()) {
        ids_.emplace(parts_.names[id], static_cast<std::int32_t>(id));
      }
    }
  }

  std::size_t vocab_size() const override { return parts_.names.size(); }

  std::vector<std::int32_t> encode(std::string_view text,
                                   const EncodeOptions& options) const override {
    return encode_whole(text, options, false).tokens;
  }

  Encoding encode_with_ranges(std::string_view text, const EncodeOptions& options) const override {
    return encode_whole(text, options, true);
  }

  PairEncoding encode_pair(std::string_view first, std::string_view second) const override {
    if (parts_.post.pair.empty()) return Tokenizer::encode_pair(first, second);
    PairEncoding out;
    for (const TemplatePart& part : parts_.post.pair) {
      const bool added = part.text < 0;
      const auto tokens = added ? part.tokens : encode(part.text == 0 ? first : second, {});
      out.tokens.insert(out.tokens.end(), tokens.begin(), tokens.end());
      out.segments.insert(out.segments.end(), tokens.size(), part.segment);
      out.added.insert(out.added.end(), tokens.size(), added);
    }
    return out;
  }

  std::string decode(std::span<const std::int32_t> tokens, bool special) const override {
    std::vector<std::string> names;
    names.reserve(tokens.size());
    for (const auto token : tokens) {
      if (!exists(token) || (!special && special_[static_cast<std::size_t>(token)])) continue;
      names.push_back(parts_.names[static_cast<std::size_t>(token)]);
    }
    if (names.empty()) return {};
    parts_.decoder->apply(names);
    std::string text;
    for (const auto& part : names) text += part;
    return text;
  }

  std::string token_text(std::int32_t token) const override {
    if (!exists(token)) return fmt::format("<{}>", token);
    std::string name = parts_.names[static_cast<std::size_t>(token)];
    if (special_[static_cast<std::size_t>(token)]) return name;
    std::string bytes;
    if (parts_.pre_tokenizer.byte_level && bytes_of_byte_level(name, bytes)) {
      if (!find_invalid_utf8(bytes)) return bytes;
      std::string text;
      for (const char byte : bytes) {
        text += fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte));
      }
      return text;
    }
    replace_all(name, "\xE2\x96\x81", " ");
    return name;
  }

  std::string token_bytes(std::int32_t token) const override {
    if (!exists(token) || is_special(token)) return {};
    const std::string& name = parts_.names[static_cast<std::size_t>(token)];
    std::string bytes;
    if (parts_.pre_tokenizer.byte_level && bytes_of_byte_level(name, bytes)) return bytes;
    if (const int byte = byte_of_token(name); byte >= 0) return {static_cast<char>(byte)};
    // Decoders treat the first token of a text in their own way: look at the second.
    const std::string once = decode(std::array{token}, false);
    std::string twice = decode(std::array{token, token}, false);
    return twice.starts_with(once) ? twice.substr(once.size()) : once;
  }

  SpecialTokens special_tokens() const override { return parts_.special; }

  bool is_special(std::int32_t token) const override {
    return exists(token) && special_[static_cast<std::size_t>(token)];
  }

  std::optional<std::int32_t> find_token(std::string_view name) const override {
    const auto found = ids_.find(name);
    if (found == ids_.end()) return std::nullopt;
    return found->second;
  }

  nlohmann::json to_json() const override { return parts_.to_json(); }

 private:
  bool exists(std::int32_t token) const {
    return token >= 0 && static_cast<std::size_t>(token) < parts_.names.size() &&
           !parts_.names[static_cast<std::size_t>(token)].empty();
  }

  Encoding encode_whole(std::string_view text, const EncodeOptions& options, bool tracked) const {
    check_length(text);
    TokenOutput out;
    out.tracked = tracked;
    std::vector<ByteRange> ranges;
    const auto add_around = [&](bool before) {
      if (!options.add_special_tokens) return;
      bool passed = false;
      for (const TemplatePart& part : parts_.post.single) {
        passed |= part.text >= 0;
        if (part.text >= 0 || passed == before) continue;
        out.tokens.insert(out.tokens.end(), part.tokens.begin(), part.tokens.end());
        if (tracked) ranges.resize(out.tokens.size());
      }
    };
    add_around(true);
    const std::size_t begin = out.tokens.size();
    if (added_.empty()) {
      encode_part(text, 0, options, out, ranges);
    } else {
      for (const auto& part : added_.split(text, options.parse_special_tokens)) {
        if (part.token) {
          out.tokens.push_back(*part.token);
          if (tracked) ranges.push_back(range(part.begin, part.end));
        } else {
          encode_part(text.substr(part.begin, part.end - part.begin), part.begin, options, out,
                      ranges);
        }
      }
    }
    if (tracked && parts_.post.trim_spaces) trim(text, out.tokens, ranges, begin);
    add_around(false);
    return {std::move(out.tokens), std::move(ranges)};
  }

  static ByteRange range(std::size_t begin, std::size_t end) {
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
  }

  /// Text without added tokens, save those that are only found when it is normalized.
  void encode_part(std::string_view part, std::size_t offset, const EncodeOptions& options,
                   TokenOutput& out, std::vector<ByteRange>& ranges) const {
    AlignedText text(part, offset,
                     out.tracked || (parts_.pre_tokenizer.needs_ranges && parts_.normalizer));
    if (parts_.normalizer) parts_.normalizer->apply(text);
    if (added_normalized_.empty()) {
      encode_normalized(text, out, ranges);
      return;
    }
    for (const auto& found : added_normalized_.split(text.text(), options.parse_special_tokens)) {
      if (found.token) {
        out.tokens.push_back(*found.token);
        if (out.tracked) ranges.push_back(text.source(found.begin, found.end));
      } else {
        auto between = text.part(found.begin, found.end);
        encode_normalized(between, out, ranges);
      }
    }
  }

  void encode_normalized(AlignedText& text, TokenOutput& out,
                         std::vector<ByteRange>& ranges) const {
    if (text.text().empty()) return;
    std::vector<Piece> pieces = {{0, static_cast<std::uint32_t>(text.text().size())}};
    if (parts_.pre_tokenizer.pre_tokenizer) parts_.pre_tokenizer.pre_tokenizer->apply(text, pieces);
    const auto rewritten = text.text();
    for (const Piece& piece : pieces) parts_.model->encode(rewritten, piece, out);
    if (!out.tracked) return;
    for (const Piece& piece : out.pieces) ranges.push_back(text.source(piece.begin, piece.end));
    out.pieces.clear();
  }

  /// Moves each range's ends over as many characters as its token has spaces there.
  void trim(std::string_view text, const std::vector<std::int32_t>& tokens,
            std::vector<ByteRange>& ranges, std::size_t first) const {
    for (std::size_t i = first; i < tokens.size(); ++i) {
      const auto [leading, trailing] = spaces_of(parts_.names[static_cast<std::size_t>(tokens[i])]);
      ByteRange& range = ranges[i];
      const bool at_begin = i == first || range.begin == 0;
      std::size_t skip = leading;
      if (at_begin && parts_.post.keep_prefix_space && skip > 0) --skip;
      for (; skip > 0 && range.begin < range.end; --skip) {
        do {
          ++range.begin;
        } while (range.begin < range.end && continues(text[range.begin]));
      }
      for (std::size_t cut = trailing; cut > 0 && range.end > range.begin; --cut) {
        do {
          --range.end;
        } while (range.end > range.begin && continues(text[range.end]));
      }
    }
  }

  static bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

  /// How many spaces a token of GPT-2's alphabet has at either end.
  static std::pair<std::size_t, std::size_t> spaces_of(const std::string& name) {
    const auto characters = to_code_points(name);
    const auto is_blank = [](char32_t c) {
      return c == 0x120 || (classes_of(c) & kWhiteSpace) != 0;  // U+0120 stands for the space
    };
    const auto first = std::find_if_not(characters.begin(), characters.end(), is_blank);
    const auto last = std::find_if_not(characters.rbegin(), characters.rend(), is_blank);
    return {first - characters.begin(), last - characters.rbegin()};
  }

  PipelineParts parts_;
  std::vector<bool> special_;
  AddedTokens added_;
  AddedTokens added_normalized_;
  std::unordered_map<std::string_view, std::int32_t> ids_;  ///< into parts_.names
};

}  // namespace

std::unique_ptr<Tokenizer> make_pipeline_tokenizer(PipelineParts parts) {
  return std::make_unique<PipelineTokenizer>(std::move(parts));
}

}  // namespace trellis::text

#include <nlohmann/json.hpp>

#include "core/text/aligned_text.hpp"
#include "core/text/pattern.hpp"
#include "core/text/unicode.hpp"
#include "core/text/vocabulary.hpp"

namespace trellis::text {
namespace {

/// A word, a number, a Han character, a mark of punctuation, each with the one space before it, so
/// that joining the pieces gives the text back; other white space stands alone.
constexpr std::string_view kWords =
    R"( ?\p{Han}| ?(?:(?!\p{Han})[\p{L}\p{M}])+(?:['’](?:(?!\p{Han})[\p{L}\p{M}])+)*| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]|\s)";

class WordTokenizer final : public TrainedTokenizer {
 public:
  WordTokenizer(Vocabulary vocabulary, bool lowercase)
      : vocabulary_(std::move(vocabulary)), lowercase_(lowercase) {}

  std::size_t vocab_size() const override { return vocabulary_.size(); }

  std::string decode(std::span<const std::int32_t> tokens, bool special) const override {
    std::string text;
    for (const auto token : tokens) {
      if (token == kUnknown || (special && token < kSpecialCount)) text += ' ';
      if (special || !is_special(token)) text += token_text(token);
    }
    if (text.starts_with(' ')) text.erase(0, 1);
    return text;
  }

  std::string token_text(std::int32_t token) const override {
    if (token < kSpecialCount) return std::string(kSpecialNames[token]);
    return vocabulary_.symbol(token);
  }

  std::string token_bytes(std::int32_t token) const override {
    return token < kSpecialCount ? std::string() : vocabulary_.symbol(token);
  }

  nlohmann::json to_json() const override {
    return {{"kind", "word"}, {"lowercase", lowercase_}, {"symbols", vocabulary_.symbols()}};
  }

  static SymbolCounts count(const TokenizerOptions& options,
                            std::span<const std::string_view> texts) {
    const Pattern pattern(kWords);
    SymbolCounts counts;
    for (const auto text : texts) {
      if (text.empty()) continue;
      std::string spaced(1, ' ');
      spaced += options.lowercase ? to_lower(text) : std::string(text);
      pattern.for_each_match(spaced, [&](std::string_view piece) { ++counts[std::string(piece)]; });
    }
    return counts;
  }

 private:
  Encoding encode_all(std::string_view source, bool with_ranges) const override {
    Encoding out;
    if (source.empty()) return out;
    AlignedText text(source, 0, with_ranges);
    if (lowercase_) lower(text);
    // A word at the very beginning is taken as if a space came before it: the same word should be
    // the same token there.
    std::string spaced(1, ' ');
    spaced += text.text();
    pattern_.for_each_match(spaced, [&](std::string_view piece) {
      out.tokens.push_back(vocabulary_.id(piece));
      if (!with_ranges) return;
      const auto begin = static_cast<std::size_t>(piece.data() - spaced.data());
      const auto end = begin + piece.size() - 1;
      out.ranges.push_back(end > 0 ? text.source(begin > 0 ? begin - 1 : 0, end) : ByteRange{});
    });
    return out;
  }

  std::optional<std::int32_t> find_symbol(std::string_view name) const override {
    return vocabulary_.find(name);
  }

  Vocabulary vocabulary_;
  bool lowercase_;
  Pattern pattern_{kWords};
};

}  // namespace

std::unique_ptr<Tokenizer> make_word_tokenizer(Vocabulary vocabulary, bool lowercase) {
  return std::make_unique<WordTokenizer>(std::move(vocabulary), lowercase);
}

std::unique_ptr<Tokenizer> train_word_tokenizer(const TokenizerOptions& options,
                                                std::span<const std::string_view> texts) {
  return make_word_tokenizer(
      Vocabulary(most_frequent(WordTokenizer::count(options, texts), options)), options.lowercase);
}

}  // namespace trellis::text

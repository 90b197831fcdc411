#include <nlohmann/json.hpp>

#include "core/text/aligned_text.hpp"
#include "core/text/unicode.hpp"
#include "core/text/vocabulary.hpp"

namespace trellis::text {
namespace {

class CharacterTokenizer final : public TrainedTokenizer {
 public:
  CharacterTokenizer(Vocabulary vocabulary, bool lowercase)
      : vocabulary_(std::move(vocabulary)), lowercase_(lowercase) {}

  std::size_t vocab_size() const override { return vocabulary_.size(); }

  std::string decode(std::span<const std::int32_t> tokens, bool special) const override {
    std::string text;
    for (const auto token : tokens) {
      if (special || !is_special(token)) text += token_text(token);
    }
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
    return {{"kind", "character"}, {"lowercase", lowercase_}, {"symbols", vocabulary_.symbols()}};
  }

 private:
  Encoding encode_all(std::string_view source, bool with_ranges) const override {
    AlignedText text(source, 0, with_ranges);
    if (lowercase_) lower(text);
    Encoding out;
    std::size_t at = 0;
    for (const auto piece : split_code_points(text.text())) {
      out.tokens.push_back(vocabulary_.id(piece));
      if (with_ranges) out.ranges.push_back(text.source(at, at + piece.size()));
      at += piece.size();
    }
    return out;
  }

  std::optional<std::int32_t> find_symbol(std::string_view name) const override {
    return vocabulary_.find(name);
  }

  Vocabulary vocabulary_;
  bool lowercase_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_character_tokenizer(Vocabulary vocabulary, bool lowercase) {
  return std::make_unique<CharacterTokenizer>(std::move(vocabulary), lowercase);
}

std::unique_ptr<Tokenizer> train_character_tokenizer(const TokenizerOptions& options,
                                                     std::span<const std::string_view> texts) {
  SymbolCounts counts;
  for (const auto text : texts) {
    const std::string lower = options.lowercase ? to_lower(text) : std::string();
    for (const auto piece : split_code_points(options.lowercase ? lower : text)) {
      ++counts[std::string(piece)];
    }
  }
  return make_character_tokenizer(Vocabulary(most_frequent(counts, options)), options.lowercase);
}

}  // namespace trellis::text

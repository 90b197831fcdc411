#include "core/text/byte_level_bpe.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.hpp"
#include "core/text/aligned_text.hpp"
#include "core/text/bpe_model.hpp"
#include "core/text/pre_tokenizer.hpp"
#include "core/text/unicode.hpp"
#include "core/text/vocabulary.hpp"

namespace trellis::text {
namespace {

/// JSON holds text, merges hold bytes: each byte is written as the code point of its number.
std::string bytes_to_json(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) append_utf8(static_cast<unsigned char>(byte), text);
  return text;
}

class ByteLevelBpe final : public TrainedTokenizer {
 public:
  ByteLevelBpe(std::vector<Merge> merges, bool lowercase)
      : merges_(std::move(merges)), lowercase_(lowercase), model_(settings()) {}

  std::size_t vocab_size() const override { return kSpecialCount + symbols_.size(); }

  std::string decode(std::span<const std::int32_t> tokens, bool special) const override {
    std::string bytes;
    for (const auto token : tokens) {
      if (token >= kSpecialCount) {
        bytes += symbols_.at(token - kSpecialCount);
      } else if (special || !is_special(token)) {
        bytes += kSpecialNames[token];
      }
    }
    return replace_invalid_utf8(bytes);
  }

  std::string token_text(std::int32_t token) const override {
    if (token < kSpecialCount) return std::string(kSpecialNames[token]);
    const auto& bytes = symbols_.at(token - kSpecialCount);
    if (!find_invalid_utf8(bytes)) return bytes;
    std::string text;
    for (const char byte : bytes)
      text += fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte));
    return text;
  }

  std::string token_bytes(std::int32_t token) const override {
    return token < kSpecialCount ? std::string() : symbols_.at(token - kSpecialCount);
  }

  nlohmann::json to_json() const override {
    nlohmann::json merges = nlohmann::json::array();
    for (const auto& [left, right] : merges_) {
      merges.push_back({bytes_to_json(left), bytes_to_json(right)});
    }
    return {{"kind", "bpe"}, {"lowercase", lowercase_}, {"merges", std::move(merges)}};
  }

 private:
  /// Fills symbols_ and ids_ from merges_.
  BpeSettings settings() {
    BpeSettings settings;
    settings.tokens.resize(kSpecialCount);
    const auto add = [&](std::string bytes) {
      const auto id = static_cast<std::int32_t>(kSpecialCount + symbols_.size());
      ids_.emplace(bytes, id);
      settings.tokens.push_back(bytes);
      symbols_.push_back(std::move(bytes));
      return id;
    };
    for (int byte = 0; byte < 256; ++byte) add(std::string(1, static_cast<char>(byte)));
    for (const auto& [left, right] : merges_) {
      const auto left_id = ids_.find(left);
      const auto right_id = ids_.find(right);
      if (left_id == ids_.end() || right_id == ids_.end()) {
        throw Error(Fault::bad_data, "tokenizer: a merge of tokens that no earlier merge makes");
      }
      const auto rank = static_cast<std::int32_t>(settings.merges.size());
      const BpeMerge merge{left_id->second, right_id->second, 0, rank};
      settings.merges.push_back(merge);
      settings.merges.back().merged = add(left + right);
    }
    return settings;
  }

  Encoding encode_all(std::string_view source, bool with_ranges) const override {
    AlignedText text(source, 0, with_ranges);
    if (lowercase_) lower(text);
    const auto all = text.text();
    std::vector<Piece> words;
    split_as_gpt2(all, 0, all.size(), words);
    TokenOutput out;
    out.tracked = with_ranges;
    for (const Piece& word : words) model_.encode(all, word, out);
    Encoding encoding{std::move(out.tokens), {}};
    for (const Piece& piece : out.pieces) {
      encoding.ranges.push_back(text.source(piece.begin, piece.end));
    }
    return encoding;
  }

  std::optional<std::int32_t> find_symbol(std::string_view name) const override {
    const auto found = ids_.find(std::string(name));
    if (found == ids_.end()) return std::nullopt;
    return found->second;
  }

  std::vector<Merge> merges_;
  bool lowercase_;
  std::vector<std::string> symbols_;  ///< bytes of each token after the special ones
  std::unordered_map<std::string, std::int32_t> ids_;
  BpeModel model_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_byte_level_bpe(std::vector<Merge> merges, bool lowercase) {
  return std::make_unique<ByteLevelBpe>(std::move(merges), lowercase);
}

}  // namespace trellis::text

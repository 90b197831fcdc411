#include "core/text/byte_level_bpe.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <queue>
#include <unordered_map>

#include "core/error.hpp"
#include "core/text/pattern.hpp"
#include "core/text/unicode.hpp"
#include "core/text/vocabulary.hpp"

namespace trellis::text {
namespace {

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

/// JSON holds text, merges hold bytes: each byte is written as the code point of its number.
std::string bytes_to_json(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) append_utf8(static_cast<unsigned char>(byte), text);
  return text;
}

class ByteLevelBpe final : public Tokenizer {
 public:
  ByteLevelBpe(std::vector<Merge> merges, bool lowercase)
      : merges_(std::move(merges)), lowercase_(lowercase) {
    std::unordered_map<std::string, std::int32_t> ids;
    for (int byte = 0; byte < 256; ++byte) {
      symbols_.emplace_back(1, static_cast<char>(byte));
      ids.emplace(symbols_.back(), kSpecialCount + byte);
    }
    for (const auto& [left, right] : merges_) {
      const auto left_id = ids.find(left);
      const auto right_id = ids.find(right);
      if (left_id == ids.end() || right_id == ids.end()) {
        throw Error(Fault::bad_data, "tokenizer: a merge of tokens that no earlier merge makes");
      }
      const auto merged = static_cast<std::int32_t>(kSpecialCount + symbols_.size());
      symbols_.push_back(left + right);
      ids.emplace(symbols_.back(), merged);
      merged_.emplace(pair_key(left_id->second, right_id->second), merged);
    }
  }

  std::size_t vocab_size() const override { return kSpecialCount + symbols_.size(); }

  std::vector<std::int32_t> encode(std::string_view text) const override {
    const std::string lower = lowercase_ ? to_lower(text) : std::string();
    std::vector<std::int32_t> tokens;
    pattern_.for_each_match(lowercase_ ? lower : text,
                            [&](std::string_view word) { encode_word(word, tokens); });
    return tokens;
  }

  std::string decode(std::span<const std::int32_t> tokens) const override {
    std::string bytes;
    for (const auto token : tokens) {
      if (token == kUnknown) bytes += kSpecialNames[kUnknown];
      if (token >= kSpecialCount) bytes += symbols_.at(token - kSpecialCount);
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

  nlohmann::json to_json() const override {
    nlohmann::json merges = nlohmann::json::array();
    for (const auto& [left, right] : merges_) {
      merges.push_back({bytes_to_json(left), bytes_to_json(right)});
    }
    return {{"kind", "bpe"}, {"lowercase", lowercase_}, {"merges", std::move(merges)}};
  }

 private:
  struct Piece {
    std::int32_t token;
    std::int32_t previous;
    std::int32_t next;
  };
  /// A possible merge; the one that training found first goes first, then the leftmost.
  struct Candidate {
    std::int32_t merged;
    std::int32_t left;
    std::int32_t right_token;
    bool operator>(const Candidate& other) const {
      return merged != other.merged ? merged > other.merged : left > other.left;
    }
  };

  /// A heap over a linked list, so that even a word of a megabyte takes n log n.
  void encode_word(std::string_view word, std::vector<std::int32_t>& tokens) const {
    std::vector<Piece> pieces(word.size());
    const auto count = static_cast<std::int32_t>(word.size());
    for (std::int32_t i = 0; i < count; ++i) {
      pieces[i] = {kSpecialCount + static_cast<unsigned char>(word[i]), i - 1,
                   i + 1 < count ? i + 1 : -1};
    }
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    const auto offer = [&](std::int32_t left) {
      if (left < 0 || pieces[left].next < 0) return;
      const auto right_token = pieces[pieces[left].next].token;
      const auto found = merged_.find(pair_key(pieces[left].token, right_token));
      if (found != merged_.end()) candidates.push({found->second, left, right_token});
    };
    for (std::int32_t i = 0; i + 1 < count; ++i) offer(i);
    while (!candidates.empty()) {
      const auto best = candidates.top();
      candidates.pop();
      Piece& left = pieces[best.left];
      // Either side may have been merged away since this candidate was offered.
      if (left.token < 0 || left.next < 0 || pieces[left.next].token != best.right_token) continue;
      const auto found = merged_.find(pair_key(left.token, best.right_token));
      if (found == merged_.end() || found->second != best.merged) continue;
      Piece& right = pieces[left.next];
      left.token = best.merged;
      right.token = -1;
      left.next = right.next;
      if (left.next >= 0) pieces[left.next].previous = best.left;
      offer(left.previous);
      offer(best.left);
    }
    for (std::int32_t i = 0; i >= 0 && i < count; i = pieces[i].next) {
      tokens.push_back(pieces[i].token);
    }
  }

  std::vector<Merge> merges_;
  bool lowercase_;
  std::vector<std::string> symbols_;  ///< bytes of each token after the special ones
  std::unordered_map<std::uint64_t, std::int32_t> merged_;
  Pattern pattern_{kGpt2Pattern};
};

}  // namespace

std::unique_ptr<Tokenizer> make_byte_level_bpe(std::vector<Merge> merges, bool lowercase) {
  return std::make_unique<ByteLevelBpe>(std::move(merges), lowercase);
}

}  // namespace trellis::text

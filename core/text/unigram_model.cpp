#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>

#include "core/text/token_model.hpp"
#include "core/text/trie.hpp"

namespace trellis::text {
namespace {

/// How much less probable than the least token an unknown character is, as in SentencePiece.
constexpr double kUnknownPenalty = 10;
constexpr std::size_t kShortPiece = 256;

struct Node {
  double score = 0;
  std::int32_t token = 0;
  std::int32_t start = -1;  ///< of the last token of the best path that ends here; -1: none
};

std::size_t character_size(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

class UnigramModel final : public TokenModel {
 public:
  explicit UnigramModel(const UnigramSettings& settings)
      : scores_(settings.scores), unknown_(settings.unknown), byte_tokens_(settings.byte_tokens) {
    std::vector<Trie::Entry> entries;
    for (std::size_t id = 0; id < settings.tokens.size(); ++id) {
      entries.emplace_back(settings.tokens[id], static_cast<std::int32_t>(id));
    }
    trie_ = Trie(std::move(entries));
    const auto least = std::min_element(scores_.begin(), scores_.end());
    unknown_score_ = (least == scores_.end() ? 0 : *least) - kUnknownPenalty;
  }

  void encode(std::string_view text, Piece piece, TokenOutput& out) const override {
    const std::size_t size = piece.end - piece.begin;
    if (size < kShortPiece) {
      std::array<Node, kShortPiece> nodes;
      std::fill_n(nodes.begin(), size + 1, Node{});
      find_path(text.substr(piece.begin, size), nodes.data());
      emit(text, piece, nodes.data(), out);
    } else {
      std::vector<Node> nodes(size + 1);
      find_path(text.substr(piece.begin, size), nodes.data());
      emit(text, piece, nodes.data(), out);
    }
  }

 private:
  void find_path(std::string_view text, Node* nodes) const {
    for (std::size_t start = 0; start < text.size();) {
      const double so_far = nodes[start].score;
      const std::size_t character = std::min(character_size(text[start]), text.size() - start);
      bool single = false;
      const auto offer = [&](std::size_t length, std::int32_t token, double score) {
        Node& node = nodes[start + length];
        if (node.start >= 0 && so_far + score <= node.score) return;
        node = {so_far + score, token, static_cast<std::int32_t>(start)};
      };
      trie_.each_prefix(text.substr(start), [&](std::size_t length, std::int32_t token) {
        offer(length, token, scores_[token]);
        single |= length == character;
      });
      if (!single) offer(character, unknown_, unknown_score_);
      start += character;
    }
  }

  /// From the end back, unknown neighbours as one.
  void emit(std::string_view text, Piece piece, const Node* nodes, TokenOutput& out) const {
    struct Found {
      std::int32_t token;
      std::size_t begin;
      std::size_t end;
    };
    std::vector<Found> path;
    for (std::size_t end = piece.end - piece.begin; end > 0;) {
      const Node& node = nodes[end];
      const auto begin = static_cast<std::size_t>(node.start);
      if (node.token == unknown_ && !path.empty() && path.back().token == unknown_) {
        path.back().begin = begin;
      } else {
        path.push_back({node.token, begin, end});
      }
      end = begin;
    }
    for (auto found = path.rbegin(); found != path.rend(); ++found) {
      const std::size_t begin = piece.begin + found->begin;
      const std::size_t end = piece.begin + found->end;
      if (found->token != unknown_ || byte_tokens_.empty()) {
        out.add(found->token, begin, end);
        continue;
      }
      for (std::size_t i = begin; i < end; ++i) {
        out.add(byte_tokens_[static_cast<unsigned char>(text[i])], begin, end);
      }
    }
  }

  std::vector<double> scores_;
  std::int32_t unknown_;
  std::vector<std::int32_t> byte_tokens_;
  double unknown_score_ = 0;
  Trie trie_;
};

}  // namespace

std::unique_ptr<TokenModel> make_unigram_model(const UnigramSettings& settings) {
  return std::make_unique<UnigramModel>(settings);
}

std::vector<std::int32_t> find_byte_tokens(const std::vector<std::string>& tokens) {
  std::unordered_map<std::string_view, std::int32_t> ids;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].size() == 6) ids.emplace(tokens[id], static_cast<std::int32_t>(id));
  }
  std::vector<std::int32_t> found;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto id = ids.find(fmt::format("<0x{:02X}>", byte));
    if (id == ids.end()) return {};
    found.push_back(id->second);
  }
  return found;
}

}  // namespace trellis::text

#include "core/text/token_model.hpp"
#include "core/text/trie.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

class WordPieceModel final : public TokenModel {
 public:
  explicit WordPieceModel(const WordPieceSettings& settings)
      : unknown_(settings.unknown), longest_word_(settings.longest_word) {
    std::vector<Trie::Entry> first;
    std::vector<Trie::Entry> inside;
    for (std::size_t id = 0; id < settings.tokens.size(); ++id) {
      const std::string_view token = settings.tokens[id];
      first.emplace_back(token, static_cast<std::int32_t>(id));
      if (!token.starts_with(settings.continuing_prefix)) continue;
      inside.emplace_back(token.substr(settings.continuing_prefix.size()),
                          static_cast<std::int32_t>(id));
    }
    first_ = Trie(std::move(first));
    inside_ = Trie(std::move(inside));
  }

  void encode(std::string_view text, Piece piece, TokenOutput& out) const override {
    const auto tokens = out.tokens.size();
    const auto pieces = out.pieces.size();
    if (!encode_word(text, piece, out)) {
      out.tokens.resize(tokens);
      out.pieces.resize(pieces);
      out.add(unknown_, piece.begin, piece.end);
    }
  }

 private:
  bool encode_word(std::string_view text, Piece piece, TokenOutput& out) const {
    const auto word = text.substr(0, piece.end);
    if (piece.end - piece.begin > longest_word_) {
      std::size_t characters = 0;
      for (std::size_t i = piece.begin; i < piece.end; ++i) {
        characters += (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U ? 1 : 0;
      }
      if (characters > longest_word_) return false;
    }
    for (std::size_t at = piece.begin; at < piece.end;) {
      std::size_t longest = 0;
      std::int32_t token = 0;
      (at == piece.begin ? first_ : inside_)
          .each_prefix(word.substr(at), [&](std::size_t length, std::int32_t value) {
            longest = length;
            token = value;
          });
      if (longest == 0) return false;
      out.add(token, at, at + longest);
      at += longest;
    }
    return true;
  }

  std::int32_t unknown_;
  std::size_t longest_word_;
  Trie first_;
  Trie inside_;
};

}  // namespace

std::unique_ptr<TokenModel> make_word_piece_model(const WordPieceSettings& settings) {
  return std::make_unique<WordPieceModel>(settings);
}

}  // namespace trellis::text

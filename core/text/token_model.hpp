/// The third step of a published tokenizer: a piece of text into tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/pre_tokenizer.hpp"

namespace trellis::text {

/// Tokens and, where they are wanted, the bytes of the rewritten text that each stands for.
struct TokenOutput {
  std::vector<std::int32_t> tokens;
  std::vector<Piece> pieces;
  bool tracked = false;

  void add(std::int32_t token, std::size_t begin, std::size_t end) {
    tokens.push_back(token);
    if (tracked) {
      pieces.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
    }
  }
};

/// Immutable, so any thread may use it.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  /// Appends the tokens of text[piece].
  virtual void encode(std::string_view text, Piece piece, TokenOutput& out) const = 0;
};

/// Byte-pair encoding; see `bpe_model.hpp` for a use without virtual calls.
struct BpeMerge {
  std::int32_t left;
  std::int32_t right;
  std::int32_t merged;
  std::int32_t rank;  ///< lower goes first; of equal ones the leftmost
};

/// Unigram language model (Kudo 2018): the most probable segmentation, by Viterbi's algorithm.
struct UnigramSettings {
  std::vector<std::string> tokens;
  std::vector<double> scores;  ///< log-probabilities, one a token
  std::int32_t unknown = 0;
  std::vector<std::int32_t> byte_tokens;  ///< 256 ids that stand for bytes of unknown text, or none
};
std::unique_ptr<TokenModel> make_unigram_model(const UnigramSettings& settings);

/// WordPiece (Schuster, Nakajima 2012): the longest token that fits, again and again.
struct WordPieceSettings {
  std::vector<std::string> tokens;
  std::int32_t unknown = 0;
  std::string continuing_prefix = "##";  ///< how tokens inside of a word begin
  std::size_t longest_word = 100;        ///< in code points; longer words are unknown
};
std::unique_ptr<TokenModel> make_word_piece_model(const WordPieceSettings& settings);

/// The ids of "<0x00>" … "<0xFF>", or nothing unless all are there.
std::vector<std::int32_t> find_byte_tokens(const std::vector<std::string>& tokens);

}  // namespace trellis::text

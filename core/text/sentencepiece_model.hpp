/// SentencePiece's model files (Kudo and Richardson 2018): what they hold, how they rewrite a text,
/// and how they cut it.
///
/// Debian's library for them is not used: it brings a protobuf of its own into the process, and
/// gives out its symbols, beside that of LibTorch, which is another version.
/// Source: src/sentencepiece_model.proto of https://github.com/google/sentencepiece
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/character_map.hpp"
#include "core/text/trie.hpp"

namespace trellis::text {

/// The mark that stands for a space in pieces.
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

/// The numbers are those of the files.
enum class PieceType {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

struct SentencePiece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::normal;
};

/// What a model file says.
struct SentencePieceSpecification {
  std::vector<SentencePiece> pieces;  ///< by id; no two have the same text
  bool bpe = false;                   ///< byte pairs, best score first; else unigram
  bool byte_fallback = false;         ///< characters without a piece become those of their bytes
  bool space_as_suffix = false;       ///< the space that is added stands at the end
  bool add_space = true;              ///< before the text
  bool remove_extra_spaces = true;    ///< at the ends, and of several in a row all but one
  bool mark_spaces = true;            ///< spaces become kSpaceMark
  std::string begin_name = "<s>";
  std::string end_name = "</s>";
  std::string pad_name = "<pad>";
  std::string unknown_text = " \xE2\x81\x87 ";  ///< what an unknown piece is written as
  CharacterMap rules;
};

/// Throws Error(bad_data) with one line for what is no such file, or needs what is not known here.
SentencePieceSpecification read_sentencepiece(std::string_view bytes);

/// A text as the pieces see it.
struct RewrittenText {
  std::string text;
  std::vector<std::uint32_t> origin;  ///< of each byte, and of the end: where it was in the text
};

/// A piece of a rewritten text; half-open, in bytes.
struct Segment {
  std::uint32_t begin;
  std::uint32_t end;
  std::int32_t piece;
};

/// Immutable, so any thread may use it.
class SentencePieceModel {
 public:
  explicit SentencePieceModel(SentencePieceSpecification specification);
  SentencePieceModel(const SentencePieceModel&) = delete;
  SentencePieceModel& operator=(const SentencePieceModel&) = delete;

  const SentencePieceSpecification& specification() const { return specification_; }
  std::optional<std::int32_t> find(std::string_view text) const;
  std::int32_t unknown() const { return unknown_; }
  /// 256 ids of the pieces of bytes, or none.
  const std::vector<std::int32_t>& byte_pieces() const { return byte_pieces_; }

  RewrittenText rewrite(std::string_view text) const;
  /// Segments of all of a rewritten text in order; what has no piece is unknown(), a character
  /// each.
  std::vector<Segment> segment(std::string_view text) const;

 private:
  struct Prefix {
    std::string_view text;   // what it becomes
    std::size_t length = 0;  // bytes that are rewritten
  };
  class Merging;
  Prefix rewrite_prefix(std::string_view text) const;
  std::size_t user_defined_length(std::string_view text) const;
  std::vector<Segment> segment_unigram(std::string_view text) const;
  PieceType type_of(std::int32_t piece) const {
    return specification_.pieces[static_cast<std::size_t>(piece)].type;
  }

  SentencePieceSpecification specification_;
  std::unordered_map<std::string_view, std::int32_t> ids_;
  Trie pieces_;        // that text can become
  Trie user_defined_;  // which are never rewritten or cut
  std::int32_t unknown_ = 0;
  std::vector<std::int32_t> byte_pieces_;
  float least_score_ = 0;  // of normal pieces
  float greatest_score_ = 0;
};

}  // namespace trellis::text

/// SentencePiece files for tests, written field by field as protobuf has it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "core/text/sentencepiece_model.hpp"

namespace trellis::tests {

class SentencePieceWriter {
 public:
  explicit SentencePieceWriter(bool bpe) { put_number(trainer_, 3, bpe ? 2 : 1); }

  void piece(std::string_view text, float score = 0,
             text::PieceType type = text::PieceType::normal) {
    std::string message;
    put_text(message, 1, text);
    put_key(message, 2, 5);
    char bytes[sizeof score];
    std::memcpy(bytes, &score, sizeof score);
    message.append(bytes, sizeof bytes);
    if (type != text::PieceType::normal) put_number(message, 3, static_cast<std::uint64_t>(type));
    put_text(pieces_, 1, message);
  }
  /// <unk>, <s>, </s>
  void usual_pieces() {
    piece("<unk>", 0, text::PieceType::unknown);
    piece("<s>", 0, text::PieceType::control);
    piece("</s>", 0, text::PieceType::control);
  }
  /// Numbers of fields: see https://github.com/google/sentencepiece, src/sentencepiece_model.proto.
  void train_flag(unsigned field, bool value) { put_number(trainer_, field, value ? 1 : 0); }
  void normalize_flag(unsigned field, bool value) { put_number(normalizer_, field, value ? 1 : 0); }
  void normalize_text(unsigned field, std::string_view text) { put_text(normalizer_, field, text); }

  std::string bytes() const {
    std::string all = pieces_;
    put_text(all, 2, trainer_);
    put_text(all, 3, normalizer_);
    return all;
  }

 private:
  static void put_varint(std::string& to, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) to += static_cast<char>(value | 0x80U);
    to += static_cast<char>(value);
  }
  static void put_key(std::string& to, unsigned field, unsigned type) {
    put_varint(to, field << 3U | type);
  }
  static void put_number(std::string& to, unsigned field, std::uint64_t value) {
    put_key(to, field, 0);
    put_varint(to, value);
  }
  static void put_text(std::string& to, unsigned field, std::string_view text) {
    put_key(to, field, 2);
    put_varint(to, text.size());
    to += text;
  }

  std::string pieces_;
  std::string trainer_;
  std::string normalizer_;
};

}  // namespace trellis::tests

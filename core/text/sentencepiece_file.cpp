#include <fmt/format.h>

#include <cstring>
#include <unordered_set>

#include "core/error.hpp"
#include "core/text/sentencepiece_model.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Fault::bad_data, "tokenizer: " + what);
}

[[noreturn]] void refuse_damaged() {
  refuse("not a whole SentencePiece model; fetch the model anew");
}

// A field of a protobuf message; which of the three counts depends on its number.
struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;
  float real = 0;
  std::string_view content;

  bool flag() const { return value != 0; }
};

// A protobuf message field by field. Source: https://protobuf.dev/programming-guides/encoding
class Message {
 public:
  explicit Message(std::string_view bytes) : bytes_(bytes) {}

  bool next(Field& field) {
    if (bytes_.empty()) return false;
    const std::uint64_t key = number();
    field = {};
    field.number = key >> 3U;
    switch (key & 7U) {
      case 0:
        field.value = number();
        break;
      case 1:
        take(8);
        break;
      case 2:
        field.content = take(number());
        break;
      case 5:
        std::memcpy(&field.real, take(4).data(), sizeof field.real);
        break;
      default:
        refuse_damaged();
    }
    return true;
  }

 private:
  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size()) refuse_damaged();
    const auto part = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return part;
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return value;
    }
    refuse_damaged();
  }

  std::string_view bytes_;
};

std::string text_of(std::string_view content) {
  if (find_invalid_utf8(content)) refuse("a text of its SentencePiece model is not UTF-8");
  return std::string(content);
}

SentencePiece read_piece(std::string_view bytes) {
  SentencePiece piece;
  Message message(bytes);
  for (Field field; message.next(field);) {
    if (field.number == 1) piece.text = text_of(field.content);
    if (field.number == 2) piece.score = field.real;
    if (field.number != 3) continue;
    if (field.value < 1 || field.value > 6)
      refuse(fmt::format("a piece of its SentencePiece model has the type {}", field.value));
    piece.type = static_cast<PieceType>(field.value);
  }
  return piece;
}

void read_trainer(std::string_view bytes, SentencePieceSpecification& model) {
  Message message(bytes);
  for (Field field; message.next(field);) {
    switch (field.number) {
      case 3:
        if (field.value != 1 && field.value != 2)
          refuse(
              "its SentencePiece model is one of words or characters; unigram and BPE are known");
        model.bpe = field.value == 2;
        break;
      case 24:
        model.space_as_suffix = field.flag();
        break;
      case 35:
        model.byte_fallback = field.flag();
        break;
      case 44:
        model.unknown_text = text_of(field.content);
        break;
      case 46:
        model.begin_name = text_of(field.content);
        break;
      case 47:
        model.end_name = text_of(field.content);
        break;
      case 48:
        model.pad_name = text_of(field.content);
        break;
      default:
        break;
    }
  }
}

void read_normalizer(std::string_view bytes, SentencePieceSpecification& model) {
  Message message(bytes);
  for (Field field; message.next(field);) {
    if (field.number == 2) model.rules = CharacterMap(field.content);
    if (field.number == 3) model.add_space = field.flag();
    if (field.number == 4) model.remove_extra_spaces = field.flag();
    if (field.number == 5) model.mark_spaces = field.flag();
  }
}

void refuse_rules(std::string_view bytes) {
  Message message(bytes);
  for (Field field; message.next(field);)
    if (field.number == 2 && !field.content.empty())
      refuse("its SentencePiece model rewrites what it decodes, which is not supported");
}

void check_pieces(const std::vector<SentencePiece>& pieces) {
  std::unordered_set<std::string_view> seen;
  std::size_t unknown = 0;
  for (const SentencePiece& piece : pieces) {
    if (piece.text.empty()) refuse("a piece of its SentencePiece model is empty");
    if (!seen.insert(piece.text).second)
      refuse(fmt::format("its SentencePiece model has a piece twice, that of {} bytes",
                         piece.text.size()));
    unknown += piece.type == PieceType::unknown ? 1 : 0;
  }
  if (unknown != 1)
    refuse(fmt::format("its SentencePiece model has {} unknown pieces, not one", unknown));
}

}  // namespace

SentencePieceSpecification read_sentencepiece(std::string_view bytes) {
  SentencePieceSpecification model;
  Message message(bytes);
  for (Field field; message.next(field);) {
    if (field.number == 1) model.pieces.push_back(read_piece(field.content));
    if (field.number == 2) read_trainer(field.content, model);
    if (field.number == 3) read_normalizer(field.content, model);
    if (field.number == 5) refuse_rules(field.content);
  }
  if (model.pieces.empty()) refuse_damaged();
  check_pieces(model.pieces);
  return model;
}

}  // namespace trellis::text

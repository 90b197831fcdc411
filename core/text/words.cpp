#include "core/text/words.hpp"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <array>

namespace trellis::text {
namespace {

constexpr unsigned char kBetweenWords = 0;
constexpr unsigned char kBeyondAscii = 0xFF;

// Of every byte: what it is in a word, lower-cased, or one of the above.
constexpr auto kByteClasses = [] {
  std::array<unsigned char, 256> classes{};
  for (std::size_t i = 0x80; i < classes.size(); ++i) classes[i] = kBeyondAscii;
  for (unsigned char c = '0'; c <= '9'; ++c) classes[c] = c;
  for (unsigned char c = 'a'; c <= 'z'; ++c) classes[c] = classes[c - 'a' + 'A'] = c;
  return classes;
}();

// FNV-1a over the bytes, mixed at the end by the finalizer of SplitMix64 (Steele, Lea, Flood 2014),
// for FNV's high bits are weak for short words.
class WordHash {
 public:
  bool empty() const { return empty_; }
  void add(std::uint64_t symbol) {
    value_ = (value_ ^ symbol) * 0x100000001B3U;
    empty_ = false;
  }
  std::uint64_t take() {
    std::uint64_t mixed = value_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
    *this = {};
    return mixed ^ (mixed >> 31U);
  }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325U;
  bool empty_ = true;
};

constexpr std::uint32_t kWordMask = U_GC_L_MASK | U_GC_M_MASK | U_GC_N_MASK;

}  // namespace

void append_word_hashes(std::string_view text, std::vector<std::uint64_t>& hashes) {
  WordHash word;
  const auto end_word = [&] {
    if (!word.empty()) hashes.push_back(word.take());
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = kByteClasses[static_cast<unsigned char>(text[at])];
    if (byte != kBeyondAscii) {
      ++at;
      if (byte == kBetweenWords) {
        end_word();
      } else {
        word.add(byte);
      }
      continue;
    }
    UChar32 code_point = 0;
    U8_NEXT(text.data(), at, text.size(), code_point);
    if (code_point >= 0 && u_hasBinaryProperty(code_point, UCHAR_IDEOGRAPHIC) != 0) {
      end_word();
      word.add(static_cast<std::uint64_t>(code_point));
      end_word();
    } else if (code_point >= 0 && (U_MASK(u_charType(code_point)) & kWordMask) != 0) {
      word.add(static_cast<std::uint64_t>(u_foldCase(code_point, U_FOLD_CASE_DEFAULT)));
    } else {
      end_word();
    }
  }
  end_word();
}

}  // namespace trellis::text

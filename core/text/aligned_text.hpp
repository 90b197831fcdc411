/// Text that is being rewritten, and where in the original each of its bytes came from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/tokenizer.hpp"

namespace trellis::text {

/// One thread at a time. The text that it begins with is borrowed and must outlive it.
class AlignedText {
 public:
  /// `offset`: where `source` begins in the original. Without `tracked` no ranges are kept.
  AlignedText(std::string_view source, std::size_t offset, bool tracked)
      : borrowed_(source), offset_(offset), tracked_(tracked) {}

  std::string_view text() const { return rewritten_ ? std::string_view(owned_) : borrowed_; }
  std::size_t offset() const { return offset_; }
  bool tracked() const { return tracked_; }

  /// A part of its own; a text of this one's present form.
  AlignedText part(std::size_t begin, std::size_t end) const;

  /// The whole characters of the original that bytes [begin, end) came from.
  ByteRange source(std::size_t begin, std::size_t end) const;

 private:
  friend class Rewriting;
  std::string_view borrowed_;
  std::string owned_;
  std::vector<ByteRange> ranges_;  ///< of each byte of `owned_`, relative to the original
  std::size_t offset_;
  bool tracked_;
  bool rewritten_ = false;
};

/// Builds a text's next form from its present one; `finish` puts it in place.
class Rewriting {
 public:
  explicit Rewriting(AlignedText& text) : text_(text), old_(text.text()) {
    bytes_.reserve(old_.size() + old_.size() / 8 + 16);
    if (text_.tracked_) ranges_.reserve(bytes_.capacity());
  }

  std::string_view old() const { return old_; }
  std::size_t size() const { return bytes_.size(); }

  /// Old bytes [begin, end) stay.
  void keep(std::size_t begin, std::size_t end);

  /// New bytes of whole characters that come from the old character at byte `at`.
  void put(std::string_view bytes, std::size_t at);
  void put(char32_t code_point, std::size_t at);
  void put_ascii(char byte, std::size_t at) {
    bytes_ += byte;
    if (text_.tracked_) ranges_.push_back(text_.source(at, at + 1));
  }

  void finish();

 private:
  AlignedText& text_;
  std::string_view old_;
  std::string bytes_;
  std::vector<ByteRange> ranges_;
};

/// Full Unicode lower-casing, as `to_lower` does it.
void lower(AlignedText& text);

/// A code point and the old byte that it stands at.
struct PlacedCodePoint {
  char32_t code_point;
  std::uint32_t at;
};

}  // namespace trellis::text

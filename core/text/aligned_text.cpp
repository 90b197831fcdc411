#include "core/text/aligned_text.hpp"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/edits.h>

#include <new>

#include "core/error.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

/// Places are 32 bits wide; room for what `keep` adds, at most another kLongestText.
constexpr std::size_t kLongestRewritten = 0xFFFFFFFFU - 2 * kLongestText;

bool continues(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

}  // namespace

AlignedText AlignedText::part(std::size_t begin, std::size_t end) const {
  if (!rewritten_) return {borrowed_.substr(begin, end - begin), offset_ + begin, tracked_};
  AlignedText out({}, tracked_ && begin < end ? ranges_[begin].begin : offset_ + begin, tracked_);
  out.rewritten_ = true;
  out.owned_ = owned_.substr(begin, end - begin);
  if (tracked_) {
    out.ranges_.assign(ranges_.begin() + static_cast<std::ptrdiff_t>(begin),
                       ranges_.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return out;
}

ByteRange AlignedText::source(std::size_t begin, std::size_t end) const {
  if (rewritten_) {
    if (begin >= end) return {};
    return {ranges_[begin].begin, ranges_[end - 1].end};
  }
  while (begin > 0 && begin < borrowed_.size() && continues(borrowed_[begin])) --begin;
  while (end < borrowed_.size() && continues(borrowed_[end])) ++end;
  return {static_cast<std::uint32_t>(offset_ + begin), static_cast<std::uint32_t>(offset_ + end)};
}

void Rewriting::keep(std::size_t begin, std::size_t end) {
  bytes_.append(old_.substr(begin, end - begin));
  if (!text_.tracked_) return;
  for (std::size_t i = begin; i < end; ++i) ranges_.push_back(text_.source(i, i + 1));
}

void Rewriting::put(std::string_view bytes, std::size_t at) {
  if (bytes_.size() + bytes.size() > kLongestRewritten) {
    throw Error(Fault::usage, "a text grows to more than 4 GB as its tokenizer rewrites it");
  }
  bytes_.append(bytes);
  if (text_.tracked_) {
    ranges_.insert(ranges_.end(), bytes.size(),
                   at < old_.size() ? text_.source(at, at + 1) : ByteRange{});
  }
}

void Rewriting::put(char32_t code_point, std::size_t at) {
  std::string bytes;
  append_utf8(code_point, bytes);
  put(bytes, at);
}

void Rewriting::finish() {
  text_.owned_ = std::move(bytes_);
  text_.ranges_ = std::move(ranges_);
  text_.rewritten_ = true;
}

void lower(AlignedText& text) {
  Rewriting out(text);
  const auto old = out.old();
  icu::Edits edits;
  std::string lowered;
  icu::StringByteSink<std::string> sink(&lowered);
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0,
                            icu::StringPiece(old.data(), static_cast<std::int32_t>(old.size())),
                            sink, &edits, status);
  if (U_FAILURE(status)) throw std::bad_alloc();
  auto edit = edits.getFineIterator();
  while (edit.next(status) != 0) {
    const auto begin = static_cast<std::size_t>(edit.sourceIndex());
    if (edit.hasChange() == 0) {
      out.keep(begin, begin + static_cast<std::size_t>(edit.oldLength()));
    } else {
      out.put(std::string_view(lowered).substr(static_cast<std::size_t>(edit.destinationIndex()),
                                               static_cast<std::size_t>(edit.newLength())),
              begin);
    }
  }
  if (U_FAILURE(status)) throw std::bad_alloc();
  out.finish();
}

}  // namespace trellis::text

#include "core/text/precompiled_normalizer.hpp"

#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include <new>

#include "core/text/character_map.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

/// Longer clusters are only looked at character by character.
constexpr std::size_t kLongestCluster = 5;

class PrecompiledNormalizer final : public Normalizer {
 public:
  explicit PrecompiledNormalizer(CharacterMap map) : map_(std::move(map)) {}

  void apply(AlignedText& text) const override {
    Rewriting out(text);
    const auto old = out.old();
    UErrorCode status = U_ZERO_ERROR;
    UText input = UTEXT_INITIALIZER;
    utext_openUTF8(&input, old.data(), static_cast<std::int64_t>(old.size()), &status);
    const std::unique_ptr<icu::BreakIterator> clusters(
        icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
    if (U_FAILURE(status)) throw std::bad_alloc();
    clusters->setText(&input, status);
    std::int32_t begin = clusters->first();
    for (std::int32_t end = clusters->next(); end != icu::BreakIterator::DONE;
         begin = end, end = clusters->next()) {
      rewrite(old, static_cast<std::size_t>(begin), static_cast<std::size_t>(end), out);
    }
    utext_close(&input);
    out.finish();
  }

 private:
  void rewrite(std::string_view old, std::size_t begin, std::size_t end, Rewriting& out) const {
    if (end - begin <= kLongestCluster && replace(old, begin, end, out)) return;
    for (const auto piece : split_code_points(old.substr(begin, end - begin))) {
      if (!replace(old, begin, begin + piece.size(), out)) out.keep(begin, begin + piece.size());
      begin += piece.size();
    }
  }

  /// As Hugging Face's does it: a match of any length at the beginning replaces the whole piece.
  bool replace(std::string_view old, std::size_t begin, std::size_t end, Rewriting& out) const {
    const auto match = map_.shortest(old.substr(begin, end - begin));
    if (!match) return false;
    std::size_t at = begin;
    for (const auto piece : split_code_points(match->replacement)) {
      out.put(piece, at);
      const auto next = at + split_code_points(old.substr(at, end - at)).front().size();
      if (next < end) at = next;
    }
    return true;
  }

  CharacterMap map_;
};

}  // namespace

std::unique_ptr<Normalizer> make_precompiled_normalizer(const std::string& table) {
  return std::make_unique<PrecompiledNormalizer>(CharacterMap(from_base64(table)));
}

}  // namespace trellis::text

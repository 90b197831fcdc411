#include "core/text/unicode_forms.hpp"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <new>

namespace trellis::text {
namespace {

/// `change`: 0 for what stands for one old code point, 1 for what was added behind it, -n for what
/// stands for n more.
struct Changed {
  UChar32 code_point;
  int change;
  std::uint8_t combining_class;
};

const icu::Normalizer2& instance(UnicodeForm form) {
  UErrorCode status = U_ZERO_ERROR;
  const bool compatible = form == UnicodeForm::nfkc || form == UnicodeForm::nfkd;
  const bool composed = form == UnicodeForm::nfc || form == UnicodeForm::nfkc;
  const icu::Normalizer2* found = compatible
                                      ? (composed ? icu::Normalizer2::getNFKCInstance(status)
                                                  : icu::Normalizer2::getNFKDInstance(status))
                                      : (composed ? icu::Normalizer2::getNFCInstance(status)
                                                  : icu::Normalizer2::getNFDInstance(status));
  if (U_FAILURE(status) || found == nullptr) throw std::bad_alloc();
  return *found;
}

std::vector<Changed> decompose(const std::vector<PlacedCodePoint>& points,
                               const icu::Normalizer2& normalizer) {
  std::vector<Changed> out;
  out.reserve(points.size() + points.size() / 2);
  icu::UnicodeString parts;
  for (const auto& point : points) {
    const auto code_point = static_cast<UChar32>(point.code_point);
    if (!normalizer.getDecomposition(code_point, parts)) {
      out.push_back({code_point, 0, u_getCombiningClass(code_point)});
      continue;
    }
    for (std::int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1)) {
      const UChar32 part = parts.char32At(i);
      out.push_back({part, i == 0 ? 0 : 1, u_getCombiningClass(part)});
    }
  }
  return out;
}

void order_marks(std::vector<Changed>& changed) {
  const auto is_starter = [](const Changed& c) { return c.combining_class == 0; };
  for (auto at = changed.begin(); at != changed.end();) {
    at = std::find_if_not(at, changed.end(), is_starter);
    const auto end = std::find_if(at, changed.end(), is_starter);
    std::stable_sort(at, end, [](const Changed& a, const Changed& b) {
      return a.combining_class < b.combining_class;
    });
    at = end;
  }
}

/// Unicode 3.11, D117: each mark joins the last starter unless something between blocks it.
void compose(std::vector<Changed>& changed, const icu::Normalizer2& normalizer) {
  std::vector<Changed> out;
  out.reserve(changed.size());
  std::size_t starter = 0;
  bool has_starter = false;
  for (const Changed& next : changed) {
    if (has_starter) {
      const bool adjacent = out.size() - 1 == starter;
      const bool blocked = !adjacent && out.back().combining_class >= next.combining_class;
      const UChar32 both =
          blocked ? U_SENTINEL : normalizer.composePair(out[starter].code_point, next.code_point);
      if (both >= 0) {
        out[starter].code_point = both;
        out[starter].change += next.change - 1;
        continue;
      }
    }
    if (next.combining_class == 0) {
      starter = out.size();
      has_starter = true;
    }
    out.push_back(next);
  }
  changed = std::move(out);
}

}  // namespace

void normalize(std::vector<PlacedCodePoint>& points, UnicodeForm form) {
  if (points.empty()) return;
  const auto& normalizer = instance(form);
  auto changed = decompose(points, normalizer);
  order_marks(changed);
  if (form == UnicodeForm::nfc || form == UnicodeForm::nfkc) compose(changed, normalizer);
  std::vector<PlacedCodePoint> out;
  out.reserve(changed.size());
  std::size_t old = 0;
  for (const auto& [code_point, change, combining_class] : changed) {
    const std::size_t place = change > 0 && old > 0 ? old - 1 : old;
    out.push_back(
        {static_cast<char32_t>(code_point), points[std::min(place, points.size() - 1)].at});
    if (change <= 0) old += 1 + static_cast<std::size_t>(-change);
  }
  points = std::move(out);
}

bool is_normalized(std::string_view text, UnicodeForm form) {
  UErrorCode status = U_ZERO_ERROR;
  const bool is = instance(form).isNormalizedUTF8(
      icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), status);
  return U_SUCCESS(status) && is;
}

}  // namespace trellis::text

#include "plugins/models/bert/masking.hpp"

#include <algorithm>
#include <cmath>

#include "core/nn/batches.hpp"
#include "core/text/tokenizer.hpp"

namespace trellis::models {
namespace {

// The standard distributions differ between libraries; the engine does not.
std::size_t below(std::size_t count, std::mt19937_64& engine) {
  const auto product = static_cast<unsigned __int128>(engine()) * count;
  return static_cast<std::size_t>(product >> 64U);
}

double uniform(std::mt19937_64& engine) {
  return static_cast<double>(engine() >> 11U) * 0x1p-53;
}

bool is_symbol(std::int64_t token) {
  return token < text::kSpecialCount && token != text::kUnknown;
}

// Puts `count` of the places in front, drawn without replacement.
void draw_places(std::vector<std::size_t>& places, std::size_t count, std::mt19937_64& engine) {
  for (std::size_t i = 0; i < count; ++i)
    std::swap(places[i], places[i + below(places.size() - i, engine)]);
  places.resize(count);
}

// Any but the symbols and the mask, which is the last.
std::int64_t any_token(std::int64_t vocab, std::mt19937_64& engine) {
  const auto count = static_cast<std::size_t>(vocab - 1 - text::kSpecialCount);
  return text::kSpecialCount + static_cast<std::int64_t>(below(count, engine));
}

}  // namespace

MaskedText mask_text(std::span<const std::int64_t> text, std::span<const std::int64_t> block,
                     std::int64_t vocab, const MaskingOptions& options, std::mt19937_64& engine) {
  const std::int64_t mask = vocab - 1;
  MaskedText result;
  const auto gap = std::ranges::find(text, mask) - text.begin();
  const bool learns_length =
      uniform(engine) < options.lengths && static_cast<std::int64_t>(block.size()) < vocab;
  result.input.assign(text.begin(), text.end());
  if (learns_length) {
    result.target.assign(text.size(), nn::kIgnoredTarget);
    result.target.front() = static_cast<std::int64_t>(block.size());
    return result;
  }
  result.input.insert(result.input.erase(result.input.begin() + gap), block.begin(), block.end());
  result.target.assign(result.input.size(), nn::kIgnoredTarget);
  std::vector<std::size_t> places;
  const auto first = static_cast<std::size_t>(gap);
  const bool whole = options.kind == Masking::tokens;
  for (std::size_t i = 0; i < result.input.size(); ++i) {
    const bool inside = i >= first && i < first + block.size();
    if (whole ? !is_symbol(result.input[i]) : inside) places.push_back(i);
  }
  if (places.empty()) places.push_back(first);
  const auto share =
      static_cast<std::size_t>(std::lround(options.share * static_cast<double>(places.size())));
  const std::size_t count =
      whole ? std::clamp<std::size_t>(share, 1, places.size()) : 1 + below(places.size(), engine);
  draw_places(places, count, engine);
  for (const std::size_t place : places) {
    std::int64_t& token = result.input[place];
    result.target[place] = token;
    const double draw = whole ? uniform(engine) : 0;
    if (draw < 0.8) {
      token = mask;
    } else if (draw < 0.9) {
      token = any_token(vocab, engine);
    }
  }
  return result;
}

}  // namespace trellis::models

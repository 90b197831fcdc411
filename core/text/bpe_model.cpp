#include "core/text/bpe_model.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <queue>

#include "core/text/decoder.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

constexpr std::uint64_t kNoKey = ~std::uint64_t{0};
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";
constexpr std::size_t kShortWord = 48;  // symbols; longer words take the heap
constexpr std::int32_t kNoRank = std::numeric_limits<std::int32_t>::max();

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32U |
         static_cast<std::uint32_t>(right);
}

std::uint64_t mix(std::uint64_t value) {
  value *= 0x9E3779B97F4A7C15ULL;
  return value ^ value >> 32U;
}

std::uint64_t load(const char* bytes, std::size_t count) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, count);
  return value;
}

std::uint64_t hash_of(std::string_view word) {
  std::uint64_t hash = word.size() * 0xD6E8FEB86659FD93ULL;
  while (word.size() > 8) {
    hash = mix(hash ^ load(word.data(), 8));
    word.remove_prefix(8);
  }
  return mix(mix(hash ^ load(word.data(), word.size())));
}

/// At most half full, so that searches end soon.
std::size_t table_size(std::size_t entries) {
  return std::bit_ceil(2 * entries + 2);
}

std::size_t character_size(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

BpeModel::BpeModel(BpeSettings settings) : settings_(std::move(settings)) {
  ascii_.fill(-1);
  for (std::size_t id = settings_.tokens.size(); id-- > 0;) {
    const auto& token = settings_.tokens[id];
    if (token.size() == 1) {
      ascii_[static_cast<unsigned char>(token[0])] = static_cast<std::int32_t>(id);
    }
  }
  build_pairs();
  build_words();
  mark_whole_words();
  // Where characters can be dropped, positions of a word depend on those before it.
  const bool drops = settings_.unknown < 0 && settings_.byte_tokens.empty();
  if (!settings_.bytes && !drops) find_boundary();
}

void BpeModel::build_pairs() {
  pairs_.assign(table_size(settings_.merges.size()), {kNoKey, 0, 0});
  const std::size_t mask = pairs_.size() - 1;
  for (const BpeMerge& merge : settings_.merges) {
    const auto key = pair_key(merge.left, merge.right);
    std::size_t at = mix(key) & mask;
    while (pairs_[at].key != kNoKey && pairs_[at].key != key) at = (at + 1) & mask;
    pairs_[at] = {key, merge.rank, merge.merged};
  }
  settings_.merges = {};
}

void BpeModel::build_words() {
  words_.assign(table_size(settings_.tokens.size()), {0, -1});
  const std::size_t mask = words_.size() - 1;
  for (std::size_t id = 0; id < settings_.tokens.size(); ++id) {
    const std::string_view token = settings_.tokens[id];
    if (token.empty() || find_word(token) >= 0) continue;
    const auto hash = hash_of(token);
    std::size_t at = hash & mask;
    while (words_[at].token >= 0) at = (at + 1) & mask;
    words_[at] = {hash, static_cast<std::int32_t>(id)};
  }
}

const BpeModel::Pair* BpeModel::find_pair(std::int32_t left, std::int32_t right) const {
  const auto key = pair_key(left, right);
  const std::size_t mask = pairs_.size() - 1;
  std::size_t at = mix(key) & mask;
  while (pairs_[at].key != key) {
    if (pairs_[at].key == kNoKey) return nullptr;
    at = (at + 1) & mask;
  }
  return &pairs_[at];
}

std::int32_t BpeModel::find_word(std::string_view word) const {
  const auto hash = hash_of(word);
  const std::size_t mask = words_.size() - 1;
  for (std::size_t at = hash & mask; words_[at].token >= 0; at = (at + 1) & mask) {
    if (words_[at].hash == hash && settings_.tokens[words_[at].token] == word) {
      return words_[at].token;
    }
  }
  return -1;
}

/// Most words of a text are tokens: these need no merging, once it is known where it leads.
void BpeModel::mark_whole_words() {
  whole_.assign(settings_.tokens.size(), settings_.ignore_merges);
  if (settings_.ignore_merges) return;
  TokenOutput out;
  for (std::size_t id = 0; id < settings_.tokens.size(); ++id) {
    const std::string_view token = settings_.tokens[id];
    if (token.empty()) continue;
    out.tokens.clear();
    encode_word(token, 0, token.size(), out);
    whole_[id] = out.tokens.size() == 1 && out.tokens[0] == static_cast<std::int32_t>(id);
  }
}

void BpeModel::find_boundary() {
  cuts_at_space_ = find_word(kSpaceMark) >= 0;
  for (const std::string& token : settings_.tokens) {
    for (auto at = token.find(kSpaceMark, 1); at != std::string::npos;
         at = token.find(kSpaceMark, at + 1)) {
      if (!std::string_view(token).substr(0, at).ends_with(kSpaceMark)) {
        cuts_at_space_ = false;
        return;
      }
    }
  }
}

void BpeModel::encode(std::string_view text, Piece piece, TokenOutput& out) const {
  if (!cuts_at_space_) {
    encode_word(text, piece.begin, piece.end, out);
    return;
  }
  // No merge crosses the border before a word's U+2581, so that each word can be looked up.
  const auto part = text.substr(0, piece.end);
  std::size_t begin = piece.begin;
  while (begin < piece.end) {
    std::size_t inside = begin;
    while (part.substr(inside).starts_with(kSpaceMark)) inside += kSpaceMark.size();
    const auto end = std::min<std::size_t>(part.find(kSpaceMark, inside), piece.end);
    encode_word(text, begin, end, out);
    begin = end;
  }
}

/// Calls push(token, begin, end, fuse) for what the word begins as. Returns whether a character was
/// dropped because nothing stands for it.
template <typename Push>
bool BpeModel::each_symbol(std::string_view text, std::size_t begin, std::size_t end,
                           Push&& push) const {
  bool after_unknown = false;
  bool dropped = false;
  for (std::size_t at = begin; at < end;) {
    const std::size_t size = settings_.bytes ? 1 : std::min(character_size(text, at), end - at);
    const std::size_t next = at + size;
    const std::int32_t token =
        size == 1 ? ascii_[static_cast<unsigned char>(text[at])] : find_word(text.substr(at, size));
    if (token >= 0) {
      push(token, at, next, false);
    } else if (!settings_.byte_tokens.empty()) {
      for (std::size_t i = at; i < next; ++i) {
        push(settings_.byte_tokens[static_cast<unsigned char>(text[i])], i, i + 1, false);
      }
    } else if (settings_.unknown >= 0) {
      push(settings_.unknown, at, next, settings_.fuse_unknown && after_unknown);
      after_unknown = true;
      at = next;
      continue;
    } else {
      dropped = true;
    }
    after_unknown = false;
    at = next;
  }
  return dropped;
}

void BpeModel::encode_word(std::string_view text, std::size_t begin, std::size_t end,
                           TokenOutput& out) const {
  const std::int32_t whole = find_word(text.substr(begin, end - begin));
  if (whole >= 0 && whole_[whole]) {
    out.add(whole, begin, end);
    return;
  }
  // A character can become four byte tokens, but no byte more than one symbol.
  if (end - begin <= kShortWord) {
    std::array<Symbol, kShortWord> symbols;
    std::size_t count = 0;
    const bool dropped =
        each_symbol(text, begin, end, [&](auto token, auto from, auto to, bool fuse) {
          if (fuse) {
            symbols[count - 1].end = static_cast<std::uint32_t>(to);
          } else {
            symbols[count++] = {token, static_cast<std::uint32_t>(from),
                                static_cast<std::uint32_t>(to)};
          }
        });
    if (dropped) {
      encode_with_gaps(text, begin, end, out);
      return;
    }
    count = merge_short(symbols.data(), count);
    for (std::size_t i = 0; i < count; ++i) {
      out.add(symbols[i].token, symbols[i].begin, symbols[i].end);
    }
    return;
  }
  std::vector<Symbol> symbols;
  symbols.reserve(end - begin);
  const bool dropped =
      each_symbol(text, begin, end, [&](auto token, auto from, auto to, bool fuse) {
        if (fuse) {
          symbols.back().end = static_cast<std::uint32_t>(to);
        } else {
          symbols.push_back(
              {token, static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to)});
        }
      });
  if (dropped) {
    encode_with_gaps(text, begin, end, out);
    return;
  }
  merge_long(symbols);
  for (const Symbol& symbol : symbols) out.add(symbol.token, symbol.begin, symbol.end);
}

/// Hugging Face counts positions along the tokens, so that those behind a dropped character move up
/// to where it was; and it counts bytes of GPT-2's alphabet. Readers of its ranges expect the same.
void BpeModel::encode_with_gaps(std::string_view text, std::size_t begin, std::size_t end,
                                TokenOutput& out) const {
  std::vector<std::size_t> origin;  // of each byte as it is counted
  const auto width = [&](std::size_t at) -> std::uint32_t {
    if (!settings_.bytes) return 1;
    return to_byte_level(text.substr(at, 1)).size() == 1 ? 1 : 2;
  };
  for (std::size_t at = begin; at < end; ++at) origin.insert(origin.end(), width(at), at);
  std::vector<Symbol> symbols;
  std::uint32_t counted = 0;
  each_symbol(text, begin, end, [&](auto token, auto from, auto to, bool) {
    const std::uint32_t first = counted;
    for (std::size_t at = from; at < to; ++at) counted += width(at);
    symbols.push_back({token, first, counted});
  });
  merge_long(symbols);
  for (const Symbol& symbol : symbols) {
    out.add(symbol.token, origin[symbol.begin], origin[symbol.end - 1] + 1);
  }
}

/// For few symbols a look at all ranks is faster than any heap. Returns how many are left.
std::size_t BpeModel::merge_short(Symbol* symbols, std::size_t count) const {
  std::array<std::int32_t, kShortWord> ranks;
  std::array<std::int32_t, kShortWord> merged;
  const auto look_up = [&](std::size_t i) {
    const Pair* pair = i + 1 < count ? find_pair(symbols[i].token, symbols[i + 1].token) : nullptr;
    ranks[i] = pair != nullptr ? pair->rank : kNoRank;
    if (pair != nullptr) merged[i] = pair->merged;
  };
  for (std::size_t i = 0; i < count; ++i) look_up(i);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (ranks[i] < ranks[best]) best = i;
    }
    if (ranks[best] == kNoRank) break;
    symbols[best].token = merged[best];
    symbols[best].end = symbols[best + 1].end;
    --count;
    for (std::size_t i = best + 1; i < count; ++i) {
      symbols[i] = symbols[i + 1];
      ranks[i] = ranks[i + 1];
      merged[i] = merged[i + 1];
    }
    look_up(best);
    if (best > 0) look_up(best - 1);
  }
  return count;
}

/// A heap over a linked list, so that even a word of a megabyte takes n log n.
void BpeModel::merge_long(std::vector<Symbol>& symbols) const {
  struct Link {
    std::int32_t previous;
    std::int32_t next;
  };
  struct Candidate {
    std::int32_t rank;
    std::int32_t left;
    std::int32_t merged;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  const auto count = static_cast<std::int32_t>(symbols.size());
  std::vector<Link> links(symbols.size());
  for (std::int32_t i = 0; i < count; ++i) links[i] = {i - 1, i + 1 < count ? i + 1 : -1};
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto pair_at = [&](std::int32_t left) -> const Pair* {
    if (left < 0 || links[left].next < 0) return nullptr;
    return find_pair(symbols[left].token, symbols[links[left].next].token);
  };
  const auto offer = [&](std::int32_t left) {
    if (const Pair* pair = pair_at(left)) candidates.push({pair->rank, left, pair->merged});
  };
  for (std::int32_t i = 0; i + 1 < count; ++i) offer(i);
  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    // Either side may have been merged away since this candidate was offered.
    if (symbols[best.left].token < 0) continue;
    const Pair* pair = pair_at(best.left);
    if (pair == nullptr || pair->merged != best.merged || pair->rank != best.rank) continue;
    Link& link = links[best.left];
    symbols[best.left].token = best.merged;
    symbols[best.left].end = symbols[link.next].end;
    symbols[link.next].token = -1;
    link.next = links[link.next].next;
    if (link.next >= 0) links[link.next].previous = best.left;
    offer(link.previous);
    offer(best.left);
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.token < 0; });
}

}  // namespace trellis::text

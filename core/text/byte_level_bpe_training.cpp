#include <algorithm>
#include <queue>
#include <set>
#include <unordered_map>

#include "core/text/byte_level_bpe.hpp"
#include "core/text/pattern.hpp"
#include "core/text/unicode.hpp"

namespace trellis::text {
namespace {

struct Word {
  std::vector<std::int32_t> symbols;
  std::int64_t count;
};

using Pair = std::pair<std::int32_t, std::int32_t>;

struct PairHash {
  std::size_t operator()(const Pair& pair) const {
    return std::hash<std::uint64_t>{}(static_cast<std::uint64_t>(pair.first) << 32 ^
                                      static_cast<std::uint32_t>(pair.second));
  }
};

std::vector<Word> count_words(const TokenizerOptions& options,
                              std::span<const std::string_view> texts) {
  const Pattern pattern(kGpt2Pattern);
  std::unordered_map<std::string, std::int64_t> counts;
  for (const auto text : texts) {
    const std::string lower = options.lowercase ? to_lower(text) : std::string();
    pattern.for_each_match(options.lowercase ? lower : text,
                           [&](std::string_view word) { ++counts[std::string(word)]; });
  }
  std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<Word> words;
  words.reserve(sorted.size());
  for (const auto& [text, count] : sorted) {
    Word word{{}, count};
    for (const char byte : text) word.symbols.push_back(static_cast<unsigned char>(byte));
    words.push_back(std::move(word));
  }
  return words;
}

/// Pair counts, kept up to date while merges change the words.
class Merger {
 public:
  explicit Merger(std::vector<Word> words) : words_(std::move(words)) {
    for (int byte = 0; byte < 256; ++byte) symbols_.emplace_back(1, static_cast<char>(byte));
    for (std::size_t i = 0; i < words_.size(); ++i) add_pairs(i, +1);
    for (const auto& [pair, count] : counts_) queue_.push(entry(pair, count));
    touched_.clear();
  }

  /// The most frequent pair with its count, or nothing when none is left.
  std::optional<std::pair<Pair, std::int64_t>> best() {
    while (!queue_.empty()) {
      const Entry top = queue_.top();
      const auto now = counts_.find(top.pair);
      if (now != counts_.end() && now->second == top.count) return {{top.pair, top.count}};
      queue_.pop();  // an outdated count; the present one has an entry of its own
    }
    return std::nullopt;
  }

  Merge merge(const Pair& pair) {
    const auto merged = static_cast<std::int32_t>(symbols_.size());
    Merge result(symbols_[pair.first], symbols_[pair.second]);
    symbols_.push_back(result.first + result.second);
    const auto where = std::move(where_[pair]);
    where_.erase(pair);
    for (const std::size_t word : where) {
      add_pairs(word, -1);
      replace(words_[word].symbols, pair, merged);
      add_pairs(word, +1);
    }
    counts_.erase(pair);
    for (const Pair& changed : touched_) {
      const auto found = counts_.find(changed);
      if (found == counts_.end()) continue;
      if (found->second <= 0) {
        counts_.erase(found);
      } else {
        queue_.push(entry(changed, found->second));
      }
    }
    touched_.clear();
    return result;
  }

 private:
  struct Entry {
    std::int64_t count;
    Pair pair;
    const std::vector<std::string>* symbols;
    bool operator<(const Entry& other) const {
      if (count != other.count) return count < other.count;
      const auto& s = *symbols;
      const int left = s[pair.first].compare(s[other.pair.first]);
      return left != 0 ? left > 0 : s[pair.second] > s[other.pair.second];
    }
  };

  Entry entry(const Pair& pair, std::int64_t count) const { return {count, pair, &symbols_}; }

  void add_pairs(std::size_t index, int sign) {
    const auto& word = words_[index];
    for (std::size_t i = 0; i + 1 < word.symbols.size(); ++i) {
      const Pair pair(word.symbols[i], word.symbols[i + 1]);
      counts_[pair] += sign * word.count;
      touched_.insert(pair);
      if (sign > 0) where_[pair].insert(index);
    }
  }

  static void replace(std::vector<std::int32_t>& symbols, const Pair& pair, std::int32_t merged) {
    std::size_t out = 0;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const bool here =
          i + 1 < symbols.size() && symbols[i] == pair.first && symbols[i + 1] == pair.second;
      symbols[out++] = here ? merged : symbols[i];
      if (here) ++i;
    }
    symbols.resize(out);
  }

  std::vector<Word> words_;
  std::vector<std::string> symbols_;
  std::unordered_map<Pair, std::int64_t, PairHash> counts_;
  std::unordered_map<Pair, std::set<std::size_t>, PairHash> where_;
  std::set<Pair> touched_;
  std::priority_queue<Entry> queue_;
};

}  // namespace

std::vector<Merge> train_merges(const TokenizerOptions& options,
                                std::span<const std::string_view> texts, std::size_t count) {
  Merger merger(count_words(options, texts));
  const auto enough = static_cast<std::int64_t>(std::max<std::size_t>(options.minimum_count, 2));
  std::vector<Merge> merges;
  while (merges.size() < count) {
    const auto best = merger.best();
    if (!best || best->second < enough) break;
    merges.push_back(merger.merge(best->first));
  }
  return merges;
}

}  // namespace trellis::text

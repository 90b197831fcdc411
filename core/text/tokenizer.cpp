#include "core/text/tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text/byte_level_bpe.hpp"
#include "core/text/published_tokenizer.hpp"
#include "core/text/sentencepiece_tokenizer.hpp"
#include "core/text/unicode.hpp"
#include "core/text/vocabulary.hpp"

namespace trellis::text {
namespace {

std::string bytes_from_json(const std::string& text) {
  std::string bytes;
  for (const char32_t code_point : to_code_points(text)) {
    if (code_point > 0xFF) throw Error(Fault::bad_data, "tokenizer: a merge of no bytes");
    bytes += static_cast<char>(code_point);
  }
  return bytes;
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> symbols) : symbols_(std::move(symbols)) {
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    if (!ids_.emplace(symbols_[i], static_cast<std::int32_t>(kSpecialCount + i)).second) {
      throw Error(Fault::bad_data, fmt::format("tokenizer: \"{}\" is there twice", symbols_[i]));
    }
  }
}

std::int32_t Vocabulary::id(std::string_view symbol) const {
  const auto found = ids_.find(symbol);
  return found != ids_.end() ? found->second : static_cast<std::int32_t>(kUnknown);
}

std::optional<std::int32_t> Vocabulary::find(std::string_view symbol) const {
  const auto found = ids_.find(symbol);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> most_frequent(const SymbolCounts& counts,
                                       const TokenizerOptions& options) {
  std::vector<std::pair<std::string, std::uint64_t>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::vector<std::string> symbols;
  for (const auto& [symbol, count] : sorted) {
    if (symbols.size() + kSpecialCount >= options.vocab_size || count < options.minimum_count)
      break;
    symbols.push_back(symbol);
  }
  return symbols;
}

PairEncoding Tokenizer::encode_pair(std::string_view, std::string_view) const {
  throw Error(Fault::usage, "this tokenizer has no special tokens for pairs of texts");
}

void Tokenizer::check_length(std::string_view text) {
  if (text.size() > kLongestText) {
    throw Error(Fault::usage, fmt::format("a text of {} bytes: encode it in parts of at most {}",
                                          text.size(), kLongestText));
  }
}

std::unique_ptr<Tokenizer> train_tokenizer(const TokenizerOptions& options,
                                           std::span<const std::string_view> texts) {
  const bool bytes = options.kind == "bpe";
  const std::size_t smallest = kSpecialCount + (bytes ? 256 : 1);
  if (options.vocab_size < smallest) {
    throw Error(Fault::usage, fmt::format("vocab_size = {}: a {} vocabulary needs at least {}",
                                          options.vocab_size, options.kind, smallest));
  }
  if (bytes) {
    return make_byte_level_bpe(train_merges(options, texts, options.vocab_size - smallest),
                               options.lowercase);
  }
  if (options.kind == "word") return train_word_tokenizer(options, texts);
  if (options.kind == "character") return train_character_tokenizer(options, texts);
  throw Error(Fault::usage,
              fmt::format("tokenizer = \"{}\": must be word, character or bpe", options.kind));
}

std::unique_ptr<Tokenizer> tokenizer_from_json(const nlohmann::json& json) {
  try {
    const auto kind = json.at("kind").get<std::string>();
    if (kind == "huggingface") {
      return read_huggingface_tokenizer(json.at("tokenizer").get<std::string>());
    }
    if (kind == "sentencepiece") return sentencepiece_from_json(json);
    const bool lowercase = json.at("lowercase").get<bool>();
    if (kind == "bpe") {
      std::vector<Merge> merges;
      for (const auto& merge : json.at("merges")) {
        merges.emplace_back(bytes_from_json(merge.at(0)), bytes_from_json(merge.at(1)));
      }
      return make_byte_level_bpe(std::move(merges), lowercase);
    }
    Vocabulary vocabulary(json.at("symbols").get<std::vector<std::string>>());
    if (kind == "word") return make_word_tokenizer(std::move(vocabulary), lowercase);
    if (kind == "character") return make_character_tokenizer(std::move(vocabulary), lowercase);
    throw Error(Fault::bad_data, fmt::format("tokenizer: unknown kind \"{}\"", kind));
  } catch (const nlohmann::json::exception& exception) {
    throw Error(Fault::bad_data, fmt::format("tokenizer: malformed: {}", exception.what()));
  }
}

}  // namespace trellis::text

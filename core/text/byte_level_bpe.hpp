/// Byte-level byte-pair encoding (Sennrich, Haddow, Birch 2016; over bytes as in GPT-2, Radford et
/// al. 2019): every text can be written, nothing is unknown.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/text/tokenizer.hpp"

namespace trellis::text {

/// Two adjacent tokens that become one, as bytes.
using Merge = std::pair<std::string, std::string>;

/// GPT-2's cutting of text into words, after which no merge crosses a border.
inline constexpr std::string_view kGpt2Pattern =
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// Ids: special tokens, 256 bytes in order, then one for each merge in order of rank.
std::unique_ptr<Tokenizer> make_byte_level_bpe(std::vector<Merge> merges, bool lowercase);

/// The merges that training finds, at most `count`: the most frequent pair first, of equally
/// frequent ones the smaller by bytes.
std::vector<Merge> train_merges(const TokenizerOptions& options,
                                std::span<const std::string_view> texts, std::size_t count);

}  // namespace trellis::text

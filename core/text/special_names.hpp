/// Which tokens of a published vocabulary are special, by the names that they usually have.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer.hpp"

namespace trellis::text {

/// The first of each list that is there. A model's own configuration says it better.
inline SpecialTokens special_by_name(const std::vector<std::string>& names) {
  using Names = std::array<std::string_view, 4>;
  const auto find = [&](const Names& wanted) -> std::optional<std::int32_t> {
    for (const auto name : wanted) {
      if (name.empty()) continue;
      const auto found = std::find(names.begin(), names.end(), name);
      if (found != names.end()) return static_cast<std::int32_t>(found - names.begin());
    }
    return std::nullopt;
  };
  SpecialTokens special;
  special.pad = find({"<pad>", "[PAD]", "<|pad|>", ""});
  special.unknown = find({"<unk>", "[UNK]", "", ""});
  special.begin = find({"<s>", "<bos>", "<|begin_of_text|>", "[CLS]"});
  special.end = find({"</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>"});
  special.separator = find({"[SEP]", "<sep>", "", ""});
  special.mask = find({"[MASK]", "<mask>", "", ""});
  return special;
}

}  // namespace trellis::text

/// Names of tensors, in which a number says which layer or expert one belongs to.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trellis::nn {

using Numbers = std::vector<std::string>;

/// "blocks.3.norm" -> "blocks.{}.norm", "3"
std::pair<std::string, Numbers> pattern_of(std::string_view name);
/// The way back. There must be as many numbers as "{}".
std::string with_numbers(std::string_view pattern, const Numbers& numbers);

/// For messages: names that differ in their first number alone become one, "layers.{0-29}.norm".
std::string list_names(const std::vector<std::string>& names);

}  // namespace trellis::nn

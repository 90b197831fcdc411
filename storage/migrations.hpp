/// The schema's history: migration i brings a database from version i to version i + 1.
#pragma once

#include <span>
#include <string_view>

namespace trellis::storage {

std::span<const std::string_view> migrations();

}  // namespace trellis::storage

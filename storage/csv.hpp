/// Comma-separated values as RFC 4180 has them, with line feeds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trellis::storage {

/// A field is quoted only where it has to be.
void append_csv_row(const std::vector<std::string>& fields, std::string& out);

}  // namespace trellis::storage

#include "storage/csv.hpp"

namespace trellis::storage {

void append_csv_row(const std::vector<std::string>& fields, std::string& out) {
  bool first = true;
  for (const auto& field : fields) {
    if (!first) out += ',';
    first = false;
    const bool outer_space = !field.empty() && (field.front() == ' ' || field.back() == ' ');
    if (field.find_first_of(",\"\r\n") == std::string::npos && !outer_space) {
      out += field;
      continue;
    }
    out += '"';
    for (const char byte : field) {
      if (byte == '"') out += '"';
      out += byte;
    }
    out += '"';
  }
  out += '\n';
}

}  // namespace trellis::storage

#include "core/kernels/embedding.hpp"

#include <algorithm>

namespace trellis::kernels {

void embed(ConstRows table, std::size_t width, std::span<const std::int32_t> tokens, Rows out) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::copy_n(table.row(static_cast<std::size_t>(tokens[i])), width, out.row(i));
  }
}

void embed(const PackedWeights& table, std::span<const std::int32_t> tokens, Rows out) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    table.read_row(static_cast<std::size_t>(tokens[i]), {out.row(i), table.inputs()});
  }
}

}  // namespace trellis::kernels

/// Rows of a table, looked up: copies, so exact.
#pragma once

#include <cstdint>
#include <span>

#include "core/kernels/linear.hpp"
#include "core/kernels/rows.hpp"

namespace trellis::kernels {

/// out[i] = table[tokens[i]]. table // [vocabulary, width]; out // [tokens.size(), width]. Every
/// token lies in [0, vocabulary).
void embed(ConstRows table, std::size_t width, std::span<const std::int32_t> tokens, Rows out);

/// The same from the weights of a head that shares its table. out // [tokens.size(), inputs]
void embed(const PackedWeights& table, std::span<const std::int32_t> tokens, Rows out);

}  // namespace trellis::kernels

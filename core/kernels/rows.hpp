/// Rows of floats in the caller's memory: row r begins at data + r * stride.
#pragma once

#include <cstddef>

namespace trellis::kernels {

struct ConstRows {
  const float* data = nullptr;
  std::size_t count = 0;
  std::size_t stride = 0;  ///< in floats

  const float* row(std::size_t index) const { return data + index * stride; }
};

struct Rows {
  float* data = nullptr;
  std::size_t count = 0;
  std::size_t stride = 0;  ///< in floats

  float* row(std::size_t index) const { return data + index * stride; }
};

}  // namespace trellis::kernels

/// What goes wrong, as a test compares it.
#pragma once

#include <string>

#include "core/error.hpp"

namespace trellis::tests {

/// What `function` throws as Error, or "" when it throws none.
template <typename Function>
std::string message_of(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace trellis::tests

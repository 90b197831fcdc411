/// How C++ code reports trouble across the ABI: throw Failure; the SDK turns it, and every other
/// exception, into a status and one line.
#pragma once

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include "trellis/abi/entry.h"

namespace trellis::sdk {

class Failure : public std::runtime_error {
 public:
  Failure(trellis_status status, const std::string& message)
      : std::runtime_error(message), status_(status) {}
  trellis_status status() const { return status_; }

 private:
  trellis_status status_;
};

/// Copies a message into the caller's struct, cut at the end of a UTF-8 character.
inline void write_message(trellis_error* error, std::string_view message) {
  std::size_t size = std::min(message.size(), sizeof error->message - 1);
  while (size < message.size() && size > 0 && (message[size] & 0xC0) == 0x80) --size;
  std::memcpy(error->message, message.data(), size);
  error->message[size] = '\0';
}

/// Runs `body` so that no exception leaves it.
template <typename Body>
trellis_status guard(trellis_error* error, Body&& body) noexcept {
  try {
    body();
    return TRELLIS_OK;
  } catch (const Failure& failure) {
    write_message(error, failure.what());
    return failure.status();
  } catch (const std::bad_alloc&) {
    write_message(error, "out of memory");
    return TRELLIS_OUT_OF_MEMORY;
  } catch (const std::exception& exception) {
    write_message(error, exception.what());
    return TRELLIS_INTERNAL;
  } catch (...) {
    write_message(error, "unknown exception");
    return TRELLIS_INTERNAL;
  }
}

}  // namespace trellis::sdk

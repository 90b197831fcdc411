/// XXH3 (64 bit) of bytes that come in pieces: what hashes of weights are.
#pragma once

#include <fmt/format.h>
#include <xxhash.h>

#include <memory>
#include <string>

namespace trellis::formats {

/// One thread at a time.
class StreamedHash {
 public:
  StreamedHash() { XXH3_64bits_reset(state_.get()); }
  void add(const void* bytes, std::size_t size) { XXH3_64bits_update(state_.get(), bytes, size); }
  /// Hexadecimal, of all that was added.
  std::string text() const { return fmt::format("{:016x}", XXH3_64bits_digest(state_.get())); }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_{XXH3_createState()};
};

}  // namespace trellis::formats

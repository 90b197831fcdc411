/// The one exception of the host and its libraries: one line that says what is wrong, where, and
/// what to do.
#pragma once

#include <string>

#include "trellis/sdk/failure.hpp"

namespace trellis {

enum class Fault {
  usage,       ///< wrong arguments, configuration or settings: exit code 2
  missing,     ///< a file, plugin or package that should be there
  bad_data,    ///< a malformed or truncated file
  busy,        ///< something that another process holds
  cancelled,   ///< the user asked to stop
  plugin,      ///< a plugin broke its contract or reported an internal fault
  environment  ///< disk full, no permission, out of memory
};

/// The status that says the same across the plugin ABI.
inline trellis_status status_of(Fault fault) {
  switch (fault) {
    case Fault::usage:
      return TRELLIS_INVALID_ARGUMENT;
    case Fault::missing:
      return TRELLIS_NOT_FOUND;
    case Fault::bad_data:
      return TRELLIS_BAD_DATA;
    case Fault::cancelled:
      return TRELLIS_CANCELLED;
    default:
      return TRELLIS_INTERNAL;
  }
}

/// A Failure, so that the libraries that plugins link report through the SDK like any plugin code.
class Error : public sdk::Failure {
 public:
  Error(Fault fault, const std::string& message)
      : sdk::Failure(status_of(fault), message), fault_(fault) {}
  Fault fault() const { return fault_; }

 private:
  Fault fault_;
};

}  // namespace trellis

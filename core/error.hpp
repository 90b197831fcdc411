/// The one exception of the host and its libraries: one line that says what is wrong, where, and
/// what to do.
#pragma once

#include <stdexcept>
#include <string>

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

class Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& message) : std::runtime_error(message), fault_(fault) {}
  Fault fault() const { return fault_; }

 private:
  Fault fault_;
};

}  // namespace trellis

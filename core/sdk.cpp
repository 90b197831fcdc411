// The part of the SDK that the plugins of this project share as compiled code.
#include "trellis/sdk/json-inl.hpp"

/// What every plugin in C++ reads, precompiled once for all of them. No file relies on it.
#pragma once

#include "trellis/sdk/model.hpp"
#include "trellis/sdk/plugin.hpp"
#include "trellis/sdk/strategy.hpp"
#include "trellis/sdk/task.hpp"

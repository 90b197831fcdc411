/// Random numbers as plugins see them.
#pragma once

#include "core/decode/random.hpp"
#include "trellis/abi/strategy.h"

namespace trellis::decode {

/// `key` must outlive what is returned.
trellis_noise noise_abi(const NoiseKey& key);

}  // namespace trellis::decode

#include "core/decode/noise.hpp"

#include "core/kernels/gumbel.hpp"

namespace trellis::decode {
namespace {

kernels::NoisePlace place_of(void* context, std::uint64_t position) {
  return gumbel_place(*static_cast<const NoiseKey*>(context), position);
}

}  // namespace

trellis_noise noise_abi(const NoiseKey& key) {
  return {sizeof(trellis_noise),
          const_cast<NoiseKey*>(&key),
          [](void* context, std::uint64_t position, float* out, std::size_t count) {
            gumbel_noise(*static_cast<const NoiseKey*>(context), position, {out, count});
          },
          [](void* context, std::uint64_t position, std::uint32_t draw) {
            return uniform_noise(*static_cast<const NoiseKey*>(context), position, draw);
          },
          [](void* context, std::uint64_t position, const std::int32_t* tokens, float* out,
             std::size_t count) {
            kernels::gumbel_noise_of(place_of(context, position), {tokens, count}, {out, count});
          },
          [](void* context, std::uint64_t position, const float* scores, std::size_t count) {
            const auto token = kernels::gumbel_argmax(place_of(context, position), {scores, count});
            return static_cast<std::int32_t>(token);
          }};
}

}  // namespace trellis::decode

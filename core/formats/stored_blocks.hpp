/// GGUF's block formats that core/kernels does not compute with, as floats.
///
/// q5_0, q5_1: 32 weights; a scale d (and for q5_1 a least value m) as float16, 32 high bits, then
///   16 bytes of low halves: weight = d (q - 16), or d q + m.
/// q4_k, q5_k: 256 weights in 8 groups of 32; d and m as float16, then 12 bytes of 8 scales s and 8
///   least values l of 6 bits each, (q5_k) 32 bytes of high bits, 128 bytes of low halves:
///   weight = d s q - m l.
/// q6_k: 256 weights in 16 groups of 16; 128 bytes of low halves, 64 of high pairs of bits, 16
///   signed scales s, then d: weight = d s (q - 32).
/// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and the structs that the same
/// project stores.
#pragma once

#include <cstddef>
#include <span>

namespace trellis::formats {

/// One block // out: [32] or [256]
void expand_q5_0(const std::byte* block, std::span<float> out);
void expand_q5_1(const std::byte* block, std::span<float> out);
void expand_q4_k(const std::byte* block, std::span<float> out);
void expand_q5_k(const std::byte* block, std::span<float> out);
void expand_q6_k(const std::byte* block, std::span<float> out);

}  // namespace trellis::formats

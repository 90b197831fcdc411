#include "core/kernels/linear.hpp"

#include <algorithm>
#include <array>

// Highway compiles this file once for each target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/linear.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/expand-inl.hpp"
#include "core/kernels/linear_block-inl.hpp"
#include "core/kernels/linear_quantized-inl.hpp"

#ifndef TRELLIS_CORE_KERNELS_LINEAR_ONCE
#define TRELLIS_CORE_KERNELS_LINEAR_ONCE
namespace trellis::kernels {
namespace {

constexpr std::size_t kMaxChunk = 96;   // rows that go through the weights together
constexpr std::size_t kMaxSlice = 768;  // of a panel's depth, so that it stays in a cache
constexpr std::size_t kAhead = 4096;    // floats by which fetching runs ahead of a lone block
constexpr std::size_t kExpanded = 256;  // inputs whose weights are expanded at once, of all panels;
                                        // the largest block has as many

// A chunk of rows on its way through a layer.
struct Chunk {
  ConstRows in;
  Rows out;
  const PackedWeights* weights = nullptr;
  const float* bias = nullptr;
  float* packed = nullptr;  // the rows as the blocks read them
  std::size_t block_count = 0;
};

// Splits `count` evenly into `parts`; where part `index` begins.
constexpr std::size_t part_begin(std::size_t count, std::size_t parts, std::size_t index) {
  return count * index / parts;
}

}  // namespace
}  // namespace trellis::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace trellis::kernels::HWY_NAMESPACE {
namespace {

std::size_t max_rows() {
  return kMaxRows;
}

// Rows [begin, end) of one block to [depth][rows].
void pack_block(ConstRows in, std::size_t begin, std::size_t end, std::size_t depth, float* out) {
  const std::size_t rows = end - begin;
  std::size_t row = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> d;
  for (; row + 4 <= rows; row += 4) {
    const float* source = in.row(begin + row);
    std::size_t k = 0;
    for (; k + 4 <= depth; k += 4) {
      const auto a = hn::LoadU(d, source + k);
      const auto b = hn::LoadU(d, source + in.stride + k);
      const auto c = hn::LoadU(d, source + 2 * in.stride + k);
      const auto e = hn::LoadU(d, source + 3 * in.stride + k);
      const auto ac_low = hn::InterleaveLower(d, a, c);
      const auto ac_high = hn::InterleaveUpper(d, a, c);
      const auto be_low = hn::InterleaveLower(d, b, e);
      const auto be_high = hn::InterleaveUpper(d, b, e);
      float* target = out + k * rows + row;
      hn::StoreU(hn::InterleaveLower(d, ac_low, be_low), d, target);
      hn::StoreU(hn::InterleaveUpper(d, ac_low, be_low), d, target + rows);
      hn::StoreU(hn::InterleaveLower(d, ac_high, be_high), d, target + 2 * rows);
      hn::StoreU(hn::InterleaveUpper(d, ac_high, be_high), d, target + 3 * rows);
    }
    for (; k < depth; ++k) {
      for (std::size_t i = 0; i < 4; ++i) out[k * rows + row + i] = source[i * in.stride + k];
    }
  }
#endif
  for (; row < rows; ++row) {
    const float* source = in.row(begin + row);
    for (std::size_t k = 0; k < depth; ++k) out[k * rows + row] = source[k];
  }
}

void pack_blocks(const Chunk& chunk, std::size_t begin, std::size_t end) {
  const std::size_t depth = chunk.weights->inputs();
  for (std::size_t block = begin; block < end; ++block) {
    const std::size_t first = part_begin(chunk.in.count, chunk.block_count, block);
    const std::size_t last = part_begin(chunk.in.count, chunk.block_count, block + 1);
    pack_block(chunk.in, first, last, depth, chunk.packed + first * depth);
  }
}

// Chooses the block's function and what it fetches ahead.
void multiply(Block& block, std::size_t rows, std::size_t panels, std::size_t index,
              std::size_t count, bool near) {
  const std::size_t slice = block.depth * kPanel;
  const bool lone = count == 1 && panels == block_panels(rows);
  if (near) {
    (lone ? kNearLoneBlocks : kNearBlocks)[rows - 1](block);
  } else if (count == 1) {
    block.next = block.weights + kAhead;
    (lone ? kLoneBlocks : kQuarterBlocks)[rows - 1](block);
  } else if (count < 4) {
    block.next = block.weights + slice + index % 2 * (slice / 2);
    kHalfBlocks[rows - 1](block);
  } else {
    block.next = block.weights + slice + index % 4 * (slice / 4);
    kQuarterBlocks[rows - 1](block);
  }
}

// Inputs [begin, end) of some panels, as floats.
struct Slice {
  std::size_t begin = 0;
  std::size_t end = 0;
  const float* weights = nullptr;
  std::size_t panel_stride = 0;
};

// All rows of the chunk through one slice. Sums begin with `start` or go on with what is in `out`.
void multiply_slice(const Chunk& chunk, const Slice& slice, std::size_t panels, ConstRows start,
                    Rows out) {
  const std::size_t depth = chunk.weights->inputs();
  const bool near = chunk.weights->storage() != WeightStorage::float32;
  for (std::size_t b = 0; b < chunk.block_count; ++b) {
    const std::size_t first = part_begin(chunk.in.count, chunk.block_count, b);
    const std::size_t rows = part_begin(chunk.in.count, chunk.block_count, b + 1) - first;
    Block block;
    block.in = chunk.packed + first * depth + slice.begin * rows;
    block.weights = slice.weights;
    block.panel_stride = slice.panel_stride;
    block.depth = slice.end - slice.begin;
    block.out = out.row(first);
    block.out_stride = out.stride;
    block.initial = slice.begin == 0 ? start.row(first) : block.out;
    block.initial_stride = slice.begin == 0 ? start.stride : out.stride;
    multiply(block, rows, panels, b, chunk.block_count, near);
  }
}

// All rows of the chunk through `panels` panels from `panel` on, which are floats as stored.
void multiply_floats(const Chunk& chunk, std::size_t panel, std::size_t panels, ConstRows start,
                     Rows out) {
  const std::size_t depth = chunk.weights->inputs();
  const auto* weights = reinterpret_cast<const float*>(chunk.weights->panel(panel));
  const std::size_t slices = std::max<std::size_t>(1, (depth + kMaxSlice - 1) / kMaxSlice);
  for (std::size_t s = 0; s < slices; ++s) {
    const std::size_t begin = part_begin(depth, slices, s);
    multiply_slice(
        chunk, {begin, part_begin(depth, slices, s + 1), weights + begin * kPanel, depth * kPanel},
        panels, start, out);
  }
}

// Inputs from `first` on, where a block of weights begins, of weights of fewer bits: they become
// floats in a cache, for all rows.
void multiply_expanded(const Chunk& chunk, std::size_t first, std::size_t panel, std::size_t panels,
                       ConstRows start, Rows out) {
  alignas(64) float expanded[kExpanded * kPanel];
  const PackedWeights& weights = *chunk.weights;
  const std::size_t depth = weights.inputs();
  const std::size_t step = kExpanded / panels;
  const auto bytes_of = [&](std::size_t inputs) { return weights.bytes_of_inputs(inputs); };
  // While one slice is expanded, the one after the next is fetched: of these panels, or of those
  // that follow them.
  const std::size_t ahead = 2 * step;
  for (std::size_t begin = first; begin == first || begin < depth; begin += step) {
    const Slice slice = {begin, std::min(depth, begin + step), expanded, step * kPanel};
    for (std::size_t p = 0; p < panels; ++p) {
      const std::byte* from = weights.panel(panel + p) + bytes_of(begin);
      const bool inside = begin + ahead < depth;
      const std::byte* next = inside ? from + bytes_of(ahead)
                                     : weights.panel(panel + p + panels) +
                                           bytes_of((begin + ahead - depth) / step * step);
      expand(weights.storage(), from, slice.end - begin, next, expanded + p * step * kPanel);
    }
    multiply_slice(chunk, slice, panels, start, out);
  }
}

// The same for a lone block of rows: whole blocks of weights become floats in registers.
void multiply_few(const Chunk& chunk, std::size_t panel, ConstRows start, Rows out) {
  const PackedWeights& weights = *chunk.weights;
  FewRows block;
  block.in = chunk.packed;
  block.weights = weights.panel(panel);
  block.blocks = weights.inputs() / block_size(weights.storage());
  block.initial = start.data;
  block.initial_stride = start.stride;
  block.out = out.data;
  block.out_stride = out.stride;
  multiply_quantized(weights.storage(), chunk.in.count, block);
  const std::size_t done = block.blocks * block_size(weights.storage());
  if (done < weights.inputs()) multiply_expanded(chunk, done, panel, 1, start, out);
}

bool multiplies_few(const Chunk& chunk) {
  return chunk.in.count <= max_quantized_rows(chunk.weights->storage());
}

// Panels that a chunk's blocks go through at once.
std::size_t panels_at_once(const Chunk& chunk) {
  if (chunk.block_count > 1 || multiplies_few(chunk)) return 1;
  const std::size_t panels = block_panels(chunk.in.count);
  // Whole blocks are expanded.
  return std::min(panels, kExpanded / block_size(chunk.weights->storage()));
}

void multiply_panels(const Chunk& chunk, std::size_t panel, std::size_t panels, ConstRows start,
                     Rows out) {
  if (chunk.weights->storage() == WeightStorage::float32) {
    multiply_floats(chunk, panel, panels, start, out);
  } else if (multiplies_few(chunk)) {
    multiply_few(chunk, panel, start, out);
  } else {
    multiply_expanded(chunk, 0, panel, panels, start, out);
  }
}

// The last panel where it has fewer than kPanel outputs.
void multiply_partial_panel(const Chunk& chunk, std::size_t panel) {
  alignas(64) float sums[kMaxChunk * kPanel] = {};
  const std::size_t outputs = chunk.weights->outputs() - panel * kPanel;
  if (chunk.bias != nullptr) {
    for (std::size_t r = 0; r < chunk.in.count; ++r) {
      std::copy_n(chunk.bias + panel * kPanel, outputs, sums + r * kPanel);
    }
  }
  const Rows padded = {sums, chunk.in.count, kPanel};
  multiply_panels(chunk, panel, 1, {sums, chunk.in.count, kPanel}, padded);
  for (std::size_t r = 0; r < chunk.in.count; ++r) {
    std::copy_n(sums + r * kPanel, outputs, chunk.out.row(r) + panel * kPanel);
  }
}

void multiply_chunk(const Chunk& chunk, std::size_t begin, std::size_t end) {
  static constexpr float kZeros[4 * kPanel] = {};
  const std::size_t group = panels_at_once(chunk);
  const std::size_t whole = chunk.weights->outputs() / kPanel;  // panels without padding
  std::size_t panel = begin;
  while (panel < end && panel < whole) {
    const std::size_t panels = panel + group <= std::min(end, whole) ? group : 1;
    const float* start = chunk.bias == nullptr ? kZeros : chunk.bias + panel * kPanel;
    const Rows out = {chunk.out.data + panel * kPanel, chunk.out.count, chunk.out.stride};
    multiply_panels(chunk, panel, panels, {start, chunk.in.count, 0}, out);
    panel += panels;
  }
  if (panel < end) multiply_partial_panel(chunk, panel);
}

}  // namespace
}  // namespace trellis::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trellis::kernels {
namespace {

HWY_EXPORT(max_rows);
HWY_EXPORT(pack_blocks);
HWY_EXPORT(multiply_chunk);

}  // namespace

void linear(ConstRows in, const PackedWeights& weights, std::span<const float> bias, Rows out,
            Parallel& parallel) {
  const std::size_t max_block = HWY_DYNAMIC_DISPATCH(max_rows)();
  const std::size_t chunks = (in.count + kMaxChunk - 1) / kMaxChunk;
  thread_local LargeArray packed;  // kept from call to call: getting new memory takes longer
  for (std::size_t c = 0; c < chunks; ++c) {
    const std::size_t first = part_begin(in.count, chunks, c);
    const std::size_t rows = part_begin(in.count, chunks, c + 1) - first;
    if (rows * weights.inputs() > packed.size()) packed = LargeArray(rows * weights.inputs());
    Chunk chunk;
    chunk.in = {in.row(first), rows, in.stride};
    chunk.out = {out.row(first), rows, out.stride};
    chunk.weights = &weights;
    chunk.bias = bias.empty() ? nullptr : bias.data();
    chunk.packed = packed.data();
    chunk.block_count = (rows + max_block - 1) / max_block;
    parallel.run(chunk.block_count, 1, [&](std::size_t begin, std::size_t end) {
      HWY_DYNAMIC_DISPATCH(pack_blocks)(chunk, begin, end);
    });
    const std::size_t panels = weights.panels();
    const std::size_t grain = std::max<std::size_t>(1, panels / (parallel.threads() * 8));
    parallel.run(panels, grain, [&](std::size_t begin, std::size_t end) {
      HWY_DYNAMIC_DISPATCH(multiply_chunk)(chunk, begin, end);
    });
  }
}

}  // namespace trellis::kernels
#endif

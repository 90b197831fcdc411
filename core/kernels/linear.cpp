#include "core/kernels/linear.hpp"

#include <algorithm>
#include <array>

// Highway compiles this file once for each target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/linear.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/linear_block-inl.hpp"

#ifndef TRELLIS_CORE_KERNELS_LINEAR_ONCE
#define TRELLIS_CORE_KERNELS_LINEAR_ONCE
namespace trellis::kernels {
namespace {

constexpr std::size_t kMaxChunk = 96;   // rows that go through the weights together
constexpr std::size_t kMaxSlice = 768;  // of a panel's depth, so that it stays in a cache
constexpr std::size_t kAhead = 4096;    // floats by which fetching runs ahead of a lone block

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
              std::size_t count) {
  const std::size_t slice = block.depth * kPanel;
  if (count == 1) {
    block.next = block.weights + kAhead;
    const bool lone = panels == block_panels(rows);
    (lone ? kLoneBlocks : kQuarterBlocks)[rows - 1](block);
  } else if (count < 4) {
    block.next = block.weights + slice + index % 2 * (slice / 2);
    kHalfBlocks[rows - 1](block);
  } else {
    block.next = block.weights + slice + index % 4 * (slice / 4);
    kQuarterBlocks[rows - 1](block);
  }
}

// All rows of the chunk through `panels` panels from `panel` on.
void multiply_panels(const Chunk& chunk, std::size_t panel, std::size_t panels, const float* start,
                     std::size_t start_stride, Rows out) {
  const std::size_t depth = chunk.weights->inputs();
  const std::size_t slices = std::max<std::size_t>(1, (depth + kMaxSlice - 1) / kMaxSlice);
  for (std::size_t slice = 0; slice < slices; ++slice) {
    const std::size_t k = part_begin(depth, slices, slice);
    for (std::size_t b = 0; b < chunk.block_count; ++b) {
      const std::size_t first = part_begin(chunk.in.count, chunk.block_count, b);
      const std::size_t rows = part_begin(chunk.in.count, chunk.block_count, b + 1) - first;
      Block block;
      block.in = chunk.packed + first * depth + k * rows;
      block.weights = chunk.weights->panel(panel) + k * kPanel;
      block.panel_stride = depth * kPanel;
      block.depth = part_begin(depth, slices, slice + 1) - k;
      block.out = out.row(first);
      block.out_stride = out.stride;
      block.initial = slice == 0 ? start + first * start_stride : block.out;
      block.initial_stride = slice == 0 ? start_stride : out.stride;
      multiply(block, rows, panels, b, chunk.block_count);
    }
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
  multiply_panels(chunk, panel, 1, sums, kPanel, {sums, chunk.in.count, kPanel});
  for (std::size_t r = 0; r < chunk.in.count; ++r) {
    std::copy_n(sums + r * kPanel, outputs, chunk.out.row(r) + panel * kPanel);
  }
}

void multiply_chunk(const Chunk& chunk, std::size_t begin, std::size_t end) {
  static constexpr float kZeros[4 * kPanel] = {};
  const std::size_t group = chunk.block_count == 1 ? block_panels(chunk.in.count) : std::size_t{1};
  const std::size_t whole = chunk.weights->outputs() / kPanel;  // panels without padding
  std::size_t panel = begin;
  while (panel < end && panel < whole) {
    const std::size_t panels = panel + group <= std::min(end, whole) ? group : 1;
    const float* start = chunk.bias == nullptr ? kZeros : chunk.bias + panel * kPanel;
    const Rows out = {chunk.out.data + panel * kPanel, chunk.out.count, chunk.out.stride};
    multiply_panels(chunk, panel, panels, start, 0, out);
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

PackedWeights::PackedWeights(std::span<const float> weights, std::size_t outputs,
                             std::size_t inputs)
    : outputs_(outputs), inputs_(inputs) {
  data_ = LargeArray(panels() * kPanel * inputs_);
  for (std::size_t output = 0; output < outputs; ++output) {
    float* target = data_.data() + output / kPanel * kPanel * inputs + output % kPanel;
    for (std::size_t k = 0; k < inputs; ++k) target[k * kPanel] = weights[output * inputs + k];
  }
}

void PackedWeights::read_row(std::size_t output, std::span<float> out) const {
  const float* source = panel(output / kPanel) + output % kPanel;
  for (std::size_t k = 0; k < inputs_; ++k) out[k] = source[k * kPanel];
}

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

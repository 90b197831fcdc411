#include "core/nn/batches.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace trellis::nn {
namespace {

// std::shuffle and the standard distributions differ between libraries; the engine does not.
template <typename T>
void shuffle(std::vector<T>& items, std::mt19937_64& engine) {
  for (std::size_t i = items.size(); i > 1; --i) {
    const auto product = static_cast<unsigned __int128>(engine()) * i;
    std::swap(items[i - 1], items[static_cast<std::size_t>(product >> 64U)]);
  }
}

std::size_t source_length(std::span<const Sequence> sequences, const Window& window) {
  return sequences[window.sequence].source.size();
}

std::vector<Window> cut(std::span<const Sequence> sequences, std::size_t context,
                        std::uint64_t seed, bool move_start) {
  std::vector<Window> windows;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const std::size_t readable = sequences[s].tokens.size() - 1;
    std::size_t begin = 0;
    std::size_t length = std::min(readable, context);
    // A first window of another length moves all the others, so that no place is always a border.
    if (readable > context && move_start) length = 1 + mix_seed(seed, 1, s) % context;
    while (begin < readable) {
      windows.push_back({static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(begin),
                         static_cast<std::uint32_t>(length)});
      begin += length;
      length = std::min(context, readable - begin);
    }
  }
  // A window without a target to learn would only cost time.
  std::erase_if(windows, [&](const Window& window) {
    return window.begin + window.length < sequences[window.sequence].given;
  });
  return windows;
}

std::vector<WindowBatch> group(std::span<const Sequence> sequences, std::vector<Window> windows,
                               std::size_t batch_tokens) {
  std::stable_sort(windows.begin(), windows.end(), [&](const Window& a, const Window& b) {
    return std::pair(a.length, source_length(sequences, a)) <
           std::pair(b.length, source_length(sequences, b));
  });
  std::vector<WindowBatch> batches;
  std::size_t longest = 0;
  for (const Window& window : windows) {
    const std::size_t width =
        std::max<std::size_t>(window.length, source_length(sequences, window));
    const std::size_t widest = std::max(longest, width);
    if (batches.empty() || widest * (batches.back().size() + 1) > batch_tokens) {
      batches.emplace_back();
      longest = width;
    } else {
      longest = widest;
    }
    batches.back().push_back(window);
  }
  return batches;
}

}  // namespace

std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  // Two rounds of SplitMix64 (Steele, Lea and Flood 2014) over the three numbers.
  std::uint64_t z = seed;
  for (const std::uint64_t part : {stream, index}) {
    z += 0x9E3779B97F4A7C15U * (part + 1);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    z ^= z >> 31U;
  }
  return z;
}

std::vector<WindowBatch> plan_epoch(std::span<const Sequence> sequences,
                                    const BatchOptions& options, std::uint64_t epoch) {
  std::mt19937_64 engine(mix_seed(options.seed, 2, epoch));
  std::vector<Window> windows = cut(sequences, options.context, engine(), true);
  shuffle(windows, engine);
  std::vector<WindowBatch> batches = group(sequences, std::move(windows), options.batch_tokens);
  shuffle(batches, engine);
  return batches;
}

std::vector<WindowBatch> plan_validation(std::span<const Sequence> sequences,
                                         const BatchOptions& options) {
  return group(sequences, cut(sequences, options.context, 0, false), options.batch_tokens);
}

BatchArrays make_batch(std::span<const Sequence> sequences, const WindowBatch& windows) {
  BatchArrays batch;
  batch.rows = windows.size();
  for (const Window& window : windows) {
    batch.length = std::max<std::size_t>(batch.length, window.length);
    batch.source_length = std::max(batch.source_length, source_length(sequences, window));
  }
  batch.source.resize(batch.rows * batch.source_length, 0);
  batch.input.resize(batch.rows * batch.length, 0);
  batch.target.resize(batch.rows * batch.length, kIgnoredTarget);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    const Window& window = windows[row];
    const Sequence& sequence = sequences[window.sequence];
    std::copy(sequence.source.begin(), sequence.source.end(),
              batch.source.begin() + static_cast<std::ptrdiff_t>(row * batch.source_length));
    batch.source_lengths.push_back(static_cast<std::int64_t>(sequence.source.size()));
    for (std::size_t i = 0; i < window.length; ++i) {
      const std::size_t position = window.begin + i;
      batch.input[row * batch.length + i] = sequence.tokens[position];
      if (position + 1 < sequence.given) continue;
      batch.target[row * batch.length + i] = sequence.tokens[position + 1];
      ++batch.target_count;
    }
  }
  return batch;
}

}  // namespace trellis::nn

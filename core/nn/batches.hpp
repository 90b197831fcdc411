/// From token sequences to batches: windows, buckets of like length, the order of an epoch.
///
/// Everything is a pure function of the sequences, the options and the number of the epoch, so a
/// run that was interrupted finds its place again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace trellis::nn {

/// One training example as tokens. The decoder reads tokens[0..n-1) and learns tokens[1..n).
struct Sequence {
  std::vector<std::int32_t> source;  ///< for the encoder; empty without one
  std::vector<std::int32_t> tokens;  ///< at least 2
  std::size_t given = 1;             ///< the first tokens that are given, not learned; at least 1
};

/// A piece of a sequence: the decoder reads `length` tokens from `begin` on.
struct Window {
  std::uint32_t sequence = 0;
  std::uint32_t begin = 0;
  std::uint32_t length = 0;
};

using WindowBatch = std::vector<Window>;

struct BatchOptions {
  std::size_t batch_tokens = 4096;  ///< rows times the longest row, padding included
  std::size_t context = 256;        ///< longer sequences are cut to windows of this many tokens
  std::uint64_t seed = 0;
};

/// The batches of one epoch. The sequences are shuffled, sorted by length and cut to batches, whose
/// order is shuffled again; the windows of long sequences begin at another place in each epoch. A
/// window that alone exceeds batch_tokens is a batch of its own.
std::vector<WindowBatch> plan_epoch(std::span<const Sequence> sequences,
                                    const BatchOptions& options, std::uint64_t epoch);

/// The batches for validation: every token once, in a fixed order.
std::vector<WindowBatch> plan_validation(std::span<const Sequence> sequences,
                                         const BatchOptions& options);

/// A batch as padded arrays. Source rows are padded with 0, inputs with 0, targets with -100.
struct BatchArrays {
  std::size_t rows = 0;
  std::size_t source_length = 0;  ///< 0 without an encoder
  std::size_t length = 0;
  std::vector<std::int64_t> source;          ///< [rows, source_length]
  std::vector<std::int64_t> source_lengths;  ///< [rows]
  std::vector<std::int64_t> input;           ///< [rows, length]
  std::vector<std::int64_t> target;          ///< [rows, length]
  std::size_t target_count = 0;              ///< targets that are learned
};

inline constexpr std::int64_t kIgnoredTarget = -100;

BatchArrays make_batch(std::span<const Sequence> sequences, const WindowBatch& windows);

/// A well-mixed number for (seed, stream, index); the seed of all draws above.
std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t stream, std::uint64_t index);

}  // namespace trellis::nn

/// What a model is to the trainer and to generation: the two ways to run it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/nn/batches.hpp"
#include "core/nn/layers.hpp"
#include "core/nn/mixture.hpp"

namespace trellis::nn {

/// Right-padded rows, as make_batch() lays them out.
struct Batch {
  Tensor source;          ///< [rows, source_length], undefined without an encoder
  Tensor source_lengths;  ///< [rows], at least 1; undefined without an encoder
  Tensor input;           ///< [rows, length]
  Tensor target;          ///< [rows, length], kIgnoredTarget where nothing is learned
  Tensor segments;        ///< [rows, length], which of two texts; undefined: by the network's rule
  std::int64_t target_count = 0;
};

Batch to_tensors(const BatchArrays& arrays);

/// One attention map: rows of `weights` sum to one.
struct AttentionMap {
  std::string kind;  ///< "self", "cross", "encoder", or "experts": what a token's experts weigh
  std::int32_t layer = 0;
  Tensor weights;  ///< [rows, heads, queries, keys]; experts: [rows, 1, tokens, experts]
};

/// What a network remembers of one sequence during generation.
struct NetworkState {
  NetworkState() = default;
  NetworkState(const NetworkState&) = default;
  NetworkState& operator=(const NetworkState&) = delete;
  virtual ~NetworkState() = default;
  /// An independent copy that shares what does not change.
  virtual std::unique_ptr<NetworkState> fork() const = 0;
  std::size_t length = 0;  ///< decoder tokens fed so far
};

/// Memory that states take, for planning.
struct StateCost {
  std::size_t per_state = 0;  ///< bytes, whatever it holds
  std::size_t per_token = 0;  ///< bytes of a decoder token that no other state shares
};

/// Tokens to append to a state.
struct Feed {
  NetworkState* state = nullptr;
  std::span<const std::int32_t> tokens;  ///< at least 1
};

class Network {
 public:
  explicit Network(FirstWeights first) : parameters(first) {}
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  virtual ~Network() = default;

  /// Teacher-forced, with thawed parameters: the vectors that the output layer reads // [rows,
  /// length, hidden_size]. `maps` receives the attention maps when it is not null.
  virtual Tensor hidden(const Batch& batch, std::vector<AttentionMap>* maps) = 0;
  /// The output layer // [..., hidden_size] -> [..., vocab]
  virtual Tensor logits(const Tensor& hidden) = 0;
  /// What training makes of a batch before it is learned: by default nothing. A network that learns
  /// other things than next tokens makes another batch, with numbers drawn from `seed`; it must
  /// have a target.
  virtual Batch lesson(const Batch& batch, std::uint64_t seed) const;
  virtual std::int64_t hidden_size() const = 0;
  virtual StateCost state_cost() const = 0;

  /// For generation, with frozen parameters and in LibTorch's inference mode:
  /// a state before its first token. `source` is empty for a decoder alone.
  virtual std::unique_ptr<NetworkState> open(std::span<const std::int32_t> source) = 0;
  /// Continues all states by their tokens. Returns the hidden vectors of all tokens, one state
  /// after another // [tokens, hidden_size]
  virtual Tensor feed(std::span<const Feed> feeds) = 0;

  /// What `expert_use` holds; it counts from zero again.
  std::vector<ExpertUse> take_expert_use();

  Parameters parameters;
  /// Of every layer with experts, in order: how feed() and hidden() have used them, the latter for
  /// tokens after which something is learned, or for all where a batch has no target.
  std::vector<ExpertUse> expert_use;
  Tensor auxiliary_loss;  ///< what hidden() adds to the loss in training; undefined for nothing
  double dropout = 0;     ///< the probability in force: set by the trainer, 0 outside of training
};

/// Which of a batch's tokens count as a use of experts: those after which something is learned.
/// Undefined where the batch has no target: all // [rows * length]
Tensor counted_tokens(const Batch& batch);

/// Mean cross-entropy over the targets that are not ignored, in nats a token; torch's definition
/// of label smoothing: (1 - e) NLL + e / V sum over all classes of -log p. Only learned positions
/// go through the output layer. The batch must have a target.
Tensor cross_entropy(Network& network, const Batch& batch, double label_smoothing);

/// Tokens to append to a state, and where the results go; as trellis_feed_item.
struct FeedRequest {
  NetworkState* state = nullptr;
  std::span<const std::int32_t> tokens;  ///< at least 1
  float* logits = nullptr;               ///< [rows, vocab], or null
  float* hidden = nullptr;               ///< [rows, hidden_size], or null
  std::size_t rows = 0;                  ///< those after the last `rows` tokens
};

/// Feeds all requests as one batch and writes their rows. The network is frozen and in inference
/// mode; the requests are valid: see trellis/abi/model.h.
void feed_rows(Network& network, std::span<const FeedRequest> requests);

/// The tokens of all feeds as one tensor of ids // [tokens]
Tensor concatenate_tokens(std::span<const Feed> feeds);

}  // namespace trellis::nn

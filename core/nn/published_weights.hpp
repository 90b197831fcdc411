/// From the tensors of a published checkpoint to the parameters of a network, by a table that a
/// plugin writes down.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/formats/checkpoint.hpp"
#include "core/nn/layers.hpp"

namespace trellis::nn {

/// What is done to published values on their way in.
enum class Change {
  none,
  transpose,  ///< published as [in, out], as GPT-2's layers are
  add_one     ///< published without the 1 that norms of Gemma multiply by beside it
};

/// One kind of parameter. "{}" stands for a number, the first for the first and so on:
///   {"blocks.{}.attention.query_key_value.weight",
///    {"model.layers.{}.self_attn.q_proj.weight", "model.layers.{}.self_attn.k_proj.weight", ...}}
struct PublishedName {
  std::string parameter;
  std::vector<std::string> tensors;  ///< their rows one after another make the parameter
  Change change = Change::none;
};

struct PublishedNames {
  std::vector<PublishedName> names;  ///< every parameter of the network is one of these
  /// Tensors that may be there and hold nothing that is learned, or the same as others.
  std::vector<std::string> ignored;
  /// What all tensors of the network but its head are called with when it is published whole, and
  /// without when it was saved alone ("transformer.").
  std::string prefix;
  /// Endings that older files have for others: {"LayerNorm.weight", "LayerNorm.gamma"}.
  std::vector<std::pair<std::string, std::string>> older;
};

/// Fills all parameters, which were made with FirstWeights::none(), and freezes them. Matrices keep
/// their type where core/kernels computes with it; GGUF's other block formats become float16, and
/// all else float32. Pages of the files are given back as they are done with. Throws
/// Error(bad_data) with one line that names every tensor that is missing, of another shape, or not
/// known.
void load_published(Parameters& parameters, const formats::Checkpoint& checkpoint,
                    const PublishedNames& names);

}  // namespace trellis::nn

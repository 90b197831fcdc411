/// Reference networks from tests/golden as Trellis networks: one by one the same parameters under
/// other names.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/nn/network.hpp"

namespace trellis::golden {

/// The folder named by TRELLIS_GOLDENS, or the repository's tests/golden.
std::filesystem::path folder();

nlohmann::json read_json(const std::filesystem::path& path);

/// The network that config.json describes, with the weights of a safetensors file beside it.
std::unique_ptr<nn::Network> load_network(const std::filesystem::path& model,
                                          const std::string& weights);

/// The same of a published model with only its first so many layers.
std::unique_ptr<nn::Network> load_first_layers(const std::filesystem::path& model,
                                               std::size_t layers);
/// How many layers a published model's config.json gives it.
std::size_t layer_count(const nlohmann::json& config);
/// Its final norm of any vectors.
nn::Tensor apply_final_norm(const std::filesystem::path& model, const nn::Tensor& x);

/// A batch from "input_ids" or "source_ids", "lengths" and "decoder_input_ids", with "targets"
/// where there are any.
nn::Batch read_batch(const nlohmann::json& json);

/// A tensor of a safetensors file.
nn::Tensor read_tensor(const std::filesystem::path& path, const std::string& name);

}  // namespace trellis::golden

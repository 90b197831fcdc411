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

/// A batch from "input_ids" or "source_ids", "lengths" and "decoder_input_ids", with "targets"
/// where there are any.
nn::Batch read_batch(const nlohmann::json& json);

/// A tensor of a safetensors file.
nn::Tensor read_tensor(const std::filesystem::path& path, const std::string& name);

}  // namespace trellis::golden

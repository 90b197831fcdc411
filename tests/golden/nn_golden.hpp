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

/// The same of a published model with only its first so many layers, of its decoder if it has an
/// encoder; and of that.
std::unique_ptr<nn::Network> load_first_layers(const std::filesystem::path& model,
                                               std::size_t layers);
std::unique_ptr<nn::Network> load_first_encoder_layers(const std::filesystem::path& model,
                                                       std::size_t layers);
/// How many layers a published model's config.json gives it, or its decoder.
std::size_t layer_count(const nlohmann::json& config);
/// Its final norm of any vectors; `stack` is "encoder" or "decoder" where there are two.
nn::Tensor apply_final_norm(const std::filesystem::path& model, const nn::Tensor& x,
                            const std::string& stack = "decoder");

/// A batch from "input_ids"; from "source_ids", "lengths" and "decoder_input_ids"; or, as published
/// encoder-decoders have it, from "input_ids", "attention_mask" and "decoder_input_ids"; with
/// "targets" where there are any.
nn::Batch read_batch(const nlohmann::json& json);

/// A tensor of a safetensors file.
nn::Tensor read_tensor(const std::filesystem::path& path, const std::string& name);

}  // namespace trellis::golden

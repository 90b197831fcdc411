// Logits, hidden vectors and attention of a reference BERT, by LibTorch and by kernels; what it
// expects of masked places.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "core/formats/safetensors.hpp"
#include "core/nn/weights.hpp"
#include "plugins/models/bert/bert.hpp"
#include "plugins/models/bert/published.hpp"

namespace trellis {
namespace {

using nlohmann::json;
using nn::Tensor;
using Tokens = std::vector<std::int32_t>;

// Tolerances of the references: float32 against float64 differs by at most a fifth of them.
constexpr double kLogits = 2e-4;
constexpr double kWeights = 1e-5;

std::filesystem::path folder() {
  const char* named = std::getenv("TRELLIS_GOLDENS");
  const std::filesystem::path goldens =
      named != nullptr ? named : TRELLIS_SOURCE_DIR "/tests/golden";
  return goldens / "models" / "bert";
}

json read_json(const std::string& name) {
  std::ifstream file(folder() / name);
  return json::parse(file);
}

Tensor expected(const std::string& name) {
  static const auto file = formats::read_safetensors(folder() / "expected.safetensors");
  const formats::StoredTensor& stored = file.tensors.at(name);
  Tensor tensor = at::empty(stored.shape);
  formats::copy_values(stored, nn::values_of(tensor));
  return tensor;
}

// With only its first so many layers.
std::unique_ptr<nn::Network> load(std::int64_t layers) {
  formats::Checkpoint checkpoint;
  checkpoint.path = folder();
  checkpoint.config_path = folder() / "config.json";
  checkpoint.config = read_json("config.json");
  checkpoint.config["num_hidden_layers"] = layers;
  auto file = formats::read_safetensors(folder() / "model.safetensors");
  checkpoint.tensors = std::move(file.tensors);
  checkpoint.files.push_back(std::move(file.file));
  const std::string prefix = "bert.encoder.layer.";
  std::erase_if(checkpoint.tensors, [&](const auto& tensor) {
    return tensor.first.starts_with(prefix) &&
           std::stol(tensor.first.substr(prefix.size())) >= layers;
  });
  nn::PublishedModel published = models::published_bert(checkpoint.reader());
  nn::load_published(published.network->parameters, checkpoint, published.names);
  return std::move(published.network);
}

std::int64_t layer_count() {
  return read_json("config.json").at("num_hidden_layers");
}

Tensor to_tensor(const json& rows) {
  std::vector<std::int64_t> ids;
  for (const json& row : rows)
    for (const json& id : row) ids.push_back(id);
  return at::tensor(at::ArrayRef<std::int64_t>(ids), at::kLong)
      .view({static_cast<std::int64_t>(rows.size()), -1});
}

nn::Batch read_batch(const json& input) {
  nn::Batch batch;
  batch.input = to_tensor(input.at("input_ids"));
  batch.segments = input.contains("token_type_ids") ? to_tensor(input["token_type_ids"])
                                                    : at::zeros_like(batch.input);
  if (input.contains("attention_mask"))
    batch.source_lengths = to_tensor(input["attention_mask"]).sum(1);
  return batch;
}

double difference(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(Bert, GivesTheReferenceLogitsHiddenVectorsAndAttention) {
  const auto network = load(layer_count());
  network->parameters.thaw();
  const at::NoGradGuard no_gradient;
  const json inputs = read_json("io.json").at("inputs");
  ASSERT_FALSE(inputs.empty());
  for (const json& input : inputs) {
    const auto name = input.at("name").get<std::string>();
    SCOPED_TRACE(name);
    std::vector<nn::AttentionMap> maps;
    const Tensor hidden = network->hidden(read_batch(input), &maps);
    const Tensor wanted = expected(name + ".logits");
    // The references are 0 at padding.
    const Tensor logits = network->logits(hidden).masked_fill((wanted == 0).all(-1, true), 0.0);
    EXPECT_LT(difference(logits, wanted), kLogits);
    if (name == "right") continue;
    EXPECT_LT(difference(hidden, expected(name + ".last_hidden")), kLogits);
    if (name != "single2") continue;
    ASSERT_EQ(maps.size(), static_cast<std::size_t>(layer_count()));
    for (const nn::AttentionMap& map : maps)
      EXPECT_LT(difference(map.weights, expected("single2.attn." + std::to_string(map.layer))),
                kWeights);
  }
}

TEST(Bert, GivesTheHiddenVectorsOfEveryLayer) {
  const json inputs = read_json("io.json").at("inputs");
  const auto input = std::find_if(inputs.begin(), inputs.end(),
                                  [](const json& one) { return one.at("name") == "single2"; });
  ASSERT_NE(input, inputs.end());
  for (std::int64_t layers = 1; layers <= layer_count(); ++layers) {
    const auto network = load(layers);
    network->parameters.thaw();
    const at::NoGradGuard no_gradient;
    const Tensor hidden = network->hidden(read_batch(*input), nullptr);
    EXPECT_LT(difference(hidden, expected("single2.hidden." + std::to_string(layers))), kLogits)
        << "after layer " << layers;
  }
}

// The logits of some places of a text, as generation computes them: all of it is one block.
Tensor by_kernels(nn::Network& network, const Tokens& text, std::int32_t mask) {
  const c10::InferenceMode inference;
  const auto state = network.open({&mask, 1});
  const nn::Feed prompt{state.get(), {&mask, 1}};
  network.feed({&prompt, 1});
  state->length = 1;
  const nn::Feed block{state.get(), text};
  return network.logits(network.feed({&block, 1}));
}

TEST(Bert, GivesTheReferenceLogitsByKernels) {
  const auto network = load(layer_count());
  const json inputs = read_json("io.json").at("inputs");
  const auto padded = std::find_if(inputs.begin(), inputs.end(),
                                   [](const json& one) { return one.at("name") == "right"; });
  ASSERT_NE(padded, inputs.end());
  for (std::size_t row = 0; row < padded->at("input_ids").size(); ++row) {
    auto tokens = padded->at("input_ids")[row].get<Tokens>();
    const auto mask = padded->at("attention_mask")[row].get<Tokens>();
    tokens.resize(static_cast<std::size_t>(std::count(mask.begin(), mask.end(), 1)));
    const auto length = static_cast<std::int64_t>(tokens.size());
    const Tensor wanted =
        expected("right.logits")[static_cast<std::int64_t>(row)].narrow(0, 0, length);
    EXPECT_LT(difference(by_kernels(*network, tokens, 4), wanted), kLogits) << "row " << row;
  }
}

TEST(Bert, ExpectsWhatTheReferenceExpectsOfMaskedPlaces) {
  const auto network = load(layer_count());
  const json cases = read_json("io.json").at("fill_mask");
  ASSERT_FALSE(cases.empty());
  for (const json& one : cases) {
    const auto tokens = one.at("input_ids").get<Tokens>();
    const std::int32_t mask = one.at("mask_token_id");
    const Tensor probabilities = at::softmax(by_kernels(*network, tokens, mask), -1);
    const auto positions = one.at("positions").get<std::vector<std::int64_t>>();
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const auto [best, ids] = probabilities[positions[i]].topk(5);
      for (std::int64_t k = 0; k < 5; ++k) {
        const auto at = static_cast<std::size_t>(k);
        EXPECT_EQ(ids[k].item<std::int64_t>(), one.at("top5")[i][at]);
        // Probabilities move by at most half as much as logits.
        EXPECT_NEAR(best[k].item<double>(), one.at("top5_probs")[i][at].get<double>(), kLogits / 2);
      }
    }
    const auto terms = one.at("pseudo_log_likelihood_terms").get<std::vector<double>>();
    for (std::size_t place = 0; place < tokens.size(); ++place) {
      Tokens masked = tokens;
      masked[place] = mask;
      const Tensor row = by_kernels(*network, masked, mask)[static_cast<std::int64_t>(place)];
      EXPECT_NEAR(at::log_softmax(row, -1)[tokens[place]].item<double>(), terms[place], kLogits);
    }
  }
}

}  // namespace
}  // namespace trellis

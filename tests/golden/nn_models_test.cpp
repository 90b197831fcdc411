// Logits, hidden vectors and attention of reference models, teacher-forced and through the caches.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/formats/safetensors.hpp"
#include "core/nn/attention.hpp"
#include "plugins/models/transformer/transformer.hpp"
#include "tests/golden/nn_golden.hpp"

namespace trellis {
namespace {

using nlohmann::json;
using nn::Tensor;

// Tolerances of the references: float32 against float64 differs by at most a fifth of them.
constexpr double kLogits = 2e-4;
constexpr double kWeights = 1e-5;

double difference(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

std::vector<std::int32_t> row_tokens(const Tensor& ids, std::int64_t row, std::int64_t length) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < length; ++i)
    tokens.push_back(static_cast<std::int32_t>(ids[row][i].item<std::int64_t>()));
  return tokens;
}

// Mixtral's weights of the two best experts of each token // [tokens, experts]
Tensor expert_weights(const Tensor& router_logits) {
  const auto [best, chosen] = router_logits.topk(2, -1);
  return at::zeros_like(router_logits).scatter(-1, chosen, at::softmax(best, -1));
}

// What the references call a map: "attn" where there is one kind.
std::string map_name(const nn::AttentionMap& map, bool published_encoder_decoder) {
  const std::string layer = fmt::format(".{}", map.layer);
  if (published_encoder_decoder)
    return (map.kind == "self" ? "decoder" : map.kind) + "_attn" + layer;
  return map.kind == "cross" ? "attn" : "attn" + layer;
}

// Those of the input "single2".
std::size_t count_maps(const formats::SafetensorsFile& expected) {
  return static_cast<std::size_t>(std::ranges::count_if(expected.tensors, [](const auto& entry) {
    return entry.first.starts_with("single2.") && entry.first.find("attn") != std::string::npos;
  }));
}

class Models : public testing::TestWithParam<std::string> {};

TEST_P(Models, GiveTheReferenceLogits) {
  const auto model = golden::folder() / "models" / GetParam();
  const auto network = golden::load_network(model, "model.safetensors");
  const formats::SafetensorsFile expected =
      formats::read_safetensors(model / "expected.safetensors");
  const json io = golden::read_json(model / "io.json");
  ASSERT_FALSE(io.at("inputs").empty());
  for (const json& input : io.at("inputs")) {
    const auto name = input.at("name").get<std::string>();
    if (name == "left") continue;  // Trellis pads at the right only
    SCOPED_TRACE(name);
    const at::NoGradGuard no_gradient;
    network->parameters.thaw();
    const nn::Batch batch = golden::read_batch(input);
    std::vector<nn::AttentionMap> maps;
    const Tensor hidden = network->hidden(batch, &maps);
    Tensor logits = network->logits(hidden);
    const Tensor wanted = golden::read_tensor(model / "expected.safetensors", name + ".logits");
    // The references are 0 at padding.
    logits = logits.masked_fill((wanted == 0).all(-1, true), 0.0);
    EXPECT_LT(difference(logits, wanted), kLogits);
    for (const char* kind : {".last_hidden", ".decoder_last_hidden"}) {
      if (!expected.tensors.contains(name + kind)) continue;
      const Tensor last = golden::read_tensor(model / "expected.safetensors", name + kind);
      EXPECT_LT(difference(hidden, last), kLogits);
    }
    std::size_t compared_maps = 0;
    for (const nn::AttentionMap& map : maps) {
      if (map.kind == "experts") {
        const std::string key = name + ".router_logits." + std::to_string(map.layer);
        if (!expected.tensors.contains(key)) continue;
        const Tensor router = golden::read_tensor(model / "expected.safetensors", key);
        EXPECT_LT(difference(map.weights.reshape(router.sizes()), expert_weights(router)), kWeights)
            << "experts of layer " << map.layer;
        continue;
      }
      const bool encoder_decoder = expected.tensors.contains("single2.cross_attn.0");
      const std::string key = name + "." + map_name(map, encoder_decoder);
      if (!expected.tensors.contains(key)) continue;
      const Tensor wanted_map = golden::read_tensor(model / "expected.safetensors", key);
      EXPECT_LT(difference(map.weights.reshape(wanted_map.sizes()), wanted_map), kWeights) << key;
      ++compared_maps;
    }
    if (name == "single2") {
      EXPECT_EQ(compared_maps, count_maps(expected));
    }
    // The same by kernels and through states: the first half as a prompt, then token by token, all
    // rows at once.
    network->parameters.freeze();
    const c10::InferenceMode inference;
    std::vector<std::unique_ptr<nn::NetworkState>> states;
    std::vector<std::vector<std::int32_t>> tokens;
    const std::int64_t length = batch.input.size(1);
    for (std::int64_t row = 0; row < batch.input.size(0); ++row) {
      std::vector<std::int32_t> source;
      if (batch.source.defined())
        source = row_tokens(batch.source, row, batch.source_lengths[row].item<std::int64_t>());
      states.push_back(network->open(source));
      tokens.push_back(row_tokens(batch.input, row, length));
    }
    const std::size_t prompt = static_cast<std::size_t>(length + 1) / 2;
    for (std::size_t done = 0; done < static_cast<std::size_t>(length);) {
      const std::size_t count = done == 0 ? prompt : 1;
      std::vector<nn::Feed> feeds;
      for (std::size_t row = 0; row < states.size(); ++row)
        feeds.push_back({states[row].get(), std::span(tokens[row]).subspan(done, count)});
      const Tensor fed = network->logits(network->feed(feeds))
                             .view({batch.input.size(0), static_cast<std::int64_t>(count), -1});
      const Tensor part =
          wanted.narrow(1, static_cast<std::int64_t>(done), static_cast<std::int64_t>(count));
      EXPECT_LT(difference(fed.masked_fill((part == 0).all(-1, true), 0.0), part), kLogits)
          << "through the cache, from token " << done;
      done += count;
    }
  }
}

class PublishedModels : public testing::TestWithParam<std::string> {};

// Every layer's output, seen through the final norm of a network that ends there.
TEST_P(PublishedModels, GiveTheHiddenVectorsOfEveryLayer) {
  const auto model = golden::folder() / "models" / GetParam();
  const json io = golden::read_json(model / "io.json");
  const auto layers = golden::layer_count(golden::read_json(model / "config.json"));
  ASSERT_GT(layers, 1U);
  const auto input = std::find_if(io.at("inputs").begin(), io.at("inputs").end(),
                                  [](const json& one) { return one.at("name") == "single2"; });
  const nn::Batch batch = golden::read_batch(*input);
  const at::NoGradGuard no_gradient;
  for (std::size_t layer = 1; layer < layers; ++layer) {
    const Tensor stream = golden::read_tensor(model / "expected.safetensors",
                                              "single2.hidden." + std::to_string(layer));
    const auto network = golden::load_first_layers(model, layer);
    EXPECT_LT(difference(network->hidden(batch, nullptr), golden::apply_final_norm(model, stream)),
              kLogits)
        << "after layer " << layer;
  }
}

// The same of both stacks of an encoder-decoder.
class EncoderDecoders : public testing::TestWithParam<std::string> {};

TEST_P(EncoderDecoders, GiveTheHiddenVectorsOfEveryLayer) {
  const auto model = golden::folder() / "models" / GetParam();
  const auto expected = model / "expected.safetensors";
  const json io = golden::read_json(model / "io.json");
  const auto layers = golden::layer_count(golden::read_json(model / "config.json"));
  const auto input = std::find_if(io.at("inputs").begin(), io.at("inputs").end(),
                                  [](const json& one) { return one.at("name") == "single2"; });
  const nn::Batch batch = golden::read_batch(*input);
  const at::NoGradGuard no_gradient;
  const auto stream = [&](const std::string& stack, std::size_t layer) {
    const Tensor x =
        golden::read_tensor(expected, "single2." + stack + "_hidden." + std::to_string(layer));
    // The last one has been through it.
    return layer == layers ? x : golden::apply_final_norm(model, x, stack);
  };
  ASSERT_GT(layers, 1U);
  for (std::size_t layer = 1; layer <= layers; ++layer) {
    const auto network = golden::load_first_layers(model, layer);
    EXPECT_LT(difference(network->hidden(batch, nullptr), stream("decoder", layer)), kLogits)
        << "after layer " << layer;
    const auto encoder = golden::load_first_encoder_layers(model, layer);
    const Tensor memory =
        dynamic_cast<models::Transformer&>(*encoder).encode(batch.source, {}, nullptr);
    EXPECT_LT(difference(memory, stream("encoder", layer)), kLogits) << "after layer " << layer;
  }
}

INSTANTIATE_TEST_SUITE_P(References, EncoderDecoders, testing::Values("t5", "t5_v11", "marian"),
                         [](const auto& info) { return info.param; });

INSTANTIATE_TEST_SUITE_P(References, PublishedModels,
                         testing::Values("gpt2", "gpt_neo", "llama_gqa_tied", "llama_untied",
                                         "mixtral", "gemma3"),
                         [](const auto& info) { return info.param; });

INSTANTIATE_TEST_SUITE_P(References, Models,
                         testing::Values("rnn_1l", "rnn_2l", "lstm_1l", "lstm_2l", "gru_1l",
                                         "gru_2l", "seq2seq_bahdanau", "seq2seq_luong", "gpt2",
                                         "llama_gqa_tied", "llama_untied", "gpt_neo", "mixtral",
                                         "gemma3", "t5", "t5_v11", "marian"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace trellis

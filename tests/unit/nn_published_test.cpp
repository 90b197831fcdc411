// Loading published weights: every kind of mismatch is named, and weights of fewer bits compute
// what their floats compute.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/formats/safetensors.hpp"
#include "core/kernels/rotary.hpp"
#include "core/nn/published_rotary.hpp"
#include "core/nn/published_weights.hpp"
#include "core/nn/weights.hpp"
#include "plugins/models/llama/published.hpp"
#include "tests/abi/host.hpp"

namespace trellis::nn {
namespace {

using formats::Checkpoint;
using formats::ElementType;
using formats::StoredTensor;
using nlohmann::json;
using testing::HasSubstr;

constexpr std::int64_t kWidth = 32;
constexpr std::int64_t kInner = 64;
constexpr std::int64_t kLayers = 2;
constexpr std::int64_t kVocab = 10;

// A checkpoint in memory, of any numbers.
class Llama : public testing::Test {
 protected:
  Llama() {
    checkpoint_.path = "folder";
    checkpoint_.config_path = "folder/config.json";
    checkpoint_.config = {{"model_type", "llama"},       {"vocab_size", kVocab},
                          {"hidden_size", kWidth},       {"num_hidden_layers", kLayers},
                          {"num_attention_heads", 2},    {"num_key_value_heads", 1},
                          {"intermediate_size", kInner}, {"max_position_embeddings", 64},
                          {"rms_norm_eps", 1e-5},        {"tie_word_embeddings", true}};
    add("model.embed_tokens.weight", {kVocab, kWidth});
    add("model.norm.weight", {kWidth});
    for (std::int64_t i = 0; i < kLayers; ++i) {
      const std::string layer = "model.layers." + std::to_string(i) + ".";
      add(layer + "input_layernorm.weight", {kWidth});
      add(layer + "post_attention_layernorm.weight", {kWidth});
      add(layer + "self_attn.q_proj.weight", {kWidth, kWidth});
      add(layer + "self_attn.k_proj.weight", {kWidth / 2, kWidth});
      add(layer + "self_attn.v_proj.weight", {kWidth / 2, kWidth});
      add(layer + "self_attn.o_proj.weight", {kWidth, kWidth});
      add(layer + "mlp.gate_proj.weight", {kInner, kWidth});
      add(layer + "mlp.up_proj.weight", {kInner, kWidth});
      add(layer + "mlp.down_proj.weight", {kWidth, kInner});
    }
  }

  void add(const std::string& name, const std::vector<std::int64_t>& shape) {
    std::vector<float>& values = values_[name];
    values.resize(formats::element_count(shape));
    for (float& value : values) {
      state_ = state_ * 1664525 + 1013904223;
      value = static_cast<float>(state_ >> 8U) / 16777216.0F - 0.5F;
    }
    checkpoint_.tensors[name] = {name, ElementType::float32, shape,
                                 std::as_bytes(std::span(values))};
  }

  // As the file of another type would hold it.
  void store(const std::string& name, ElementType type) {
    StoredTensor& tensor = checkpoint_.tensors.at(name);
    const auto storage = formats::same_storage(type).value();
    const auto columns = static_cast<std::size_t>(tensor.shape.back());
    const std::size_t size = kernels::row_bytes(storage, columns);
    const std::vector<float>& values = values_.at(name);
    std::vector<std::byte>& bytes = bytes_[name];
    bytes.resize(values.size() / columns * size);
    for (std::size_t row = 0; row < values.size() / columns; ++row)
      kernels::store_row(storage, std::span(values).subspan(row * columns, columns),
                         std::span(bytes).subspan(row * size, size));
    tensor.type = type;
    tensor.bytes = bytes;
  }

  std::unique_ptr<Network> load() {
    PublishedModel model = models::published_llama(checkpoint_.reader());
    load_published(model.network->parameters, checkpoint_, model.names);
    return std::move(model.network);
  }
  std::string refusal() {
    return tests::message_of([this] { load(); });
  }

  Checkpoint checkpoint_;

 private:
  std::map<std::string, std::vector<float>> values_;
  std::map<std::string, std::vector<std::byte>> bytes_;
  std::uint32_t state_ = 1;
};

TEST_F(Llama, EveryTensorThatDoesNotFitIsNamed) {
  EXPECT_EQ(refusal(), "");
  add("model.layers.0.self_attn.q_proj.bias", {kWidth});
  add("model.layers.1.self_attn.q_proj.bias", {kWidth});
  checkpoint_.tensors.erase("model.layers.0.mlp.up_proj.weight");
  checkpoint_.tensors.erase("model.layers.1.mlp.up_proj.weight");
  checkpoint_.tensors.erase("model.norm.weight");
  add("model.layers.0.self_attn.o_proj.weight", {kWidth, kWidth - 1});
  EXPECT_EQ(refusal(),
            "folder: its tensors are not those of the model that config.json describes; missing: "
            "model.layers.{0-1}.mlp.up_proj.weight, model.norm.weight; of another shape: "
            "model.layers.0.self_attn.o_proj.weight [32, 31] where [32, 32] is needed; not known: "
            "model.layers.{0-1}.self_attn.q_proj.bias");
}

TEST_F(Llama, AConfigThatNoModelHasIsRefused) {
  const json good = checkpoint_.config;
  const auto refused = [&](const char* key, const json& value) {
    checkpoint_.config = good;
    checkpoint_.config[key] = value;
    return refusal();
  };
  EXPECT_THAT(refused("num_attention_heads", 3), HasSubstr("must divide hidden_size"));
  EXPECT_THAT(refused("num_key_value_heads", 4), HasSubstr("must divide num_attention_heads"));
  EXPECT_THAT(refused("hidden_act", "gelu"), HasSubstr("hidden_act = \"gelu\": is not known here"));
  EXPECT_THAT(refused("vocab_size", nullptr), HasSubstr("has no vocab_size"));
  EXPECT_THAT(refused("num_hidden_layers", 1e9), HasSubstr("num_hidden_layers"));
  EXPECT_THAT(refused("attention_bias", true),
              HasSubstr("attention_bias = true: is not supported"));
  EXPECT_THAT(
      refused("rope_scaling", json{{"rope_type", "yarn"}, {"factor", 4}}),
      HasSubstr(
          "rope_type = \"yarn\": is not known here; known: default, linear, llama3, divided"));
  EXPECT_THAT(refused("vocab_size", kVocab + 1), HasSubstr("model.embed_tokens.weight [10, 32]"));
}

Tensor logits_of(Network& network) {
  const c10::InferenceMode inference;
  const auto state = network.open({});
  const std::int32_t tokens[] = {1, 5, 3, 9};
  const Feed feed{state.get(), tokens};
  return network.logits(network.feed({&feed, 1})).clone();
}

// Whatever is stored side by side in one matrix.
TEST_F(Llama, StoredTypesComputeWhatTheirFloatsCompute) {
  store("model.embed_tokens.weight", ElementType::q8_0);
  store("model.layers.0.self_attn.q_proj.weight", ElementType::q4_1);
  store("model.layers.0.self_attn.k_proj.weight", ElementType::q4_1);
  store("model.layers.0.self_attn.v_proj.weight", ElementType::q8_0);
  store("model.layers.1.mlp.gate_proj.weight", ElementType::bfloat16);
  store("model.layers.1.mlp.up_proj.weight", ElementType::float16);
  store("model.layers.1.mlp.down_proj.weight", ElementType::q4_0);
  const auto network = load();
  const Tensor stored = logits_of(*network);
  network->parameters.thaw(false);  // looked at, as for attention maps
  network->parameters.freeze();
  EXPECT_TRUE(at::equal(logits_of(*network), stored));
  network->parameters.thaw();  // to be changed: from now on floats
  network->parameters.freeze();
  EXPECT_TRUE(at::equal(logits_of(*network), stored));
}

// Of Llama 3.1: what turns often stays, what turns seldom is stretched.
TEST(PublishedRotary, StretchesSlowFrequencies) {
  const json config = {{"rope_theta", 10000.0},
                       {"rope_scaling",
                        {{"rope_type", "llama3"},
                         {"factor", 8.0},
                         {"low_freq_factor", 1.0},
                         {"high_freq_factor", 4.0},
                         {"original_max_position_embeddings", 32}}}};
  const auto plain = kernels::rotary_frequencies(10000, 8);  // 1, 0.1, 0.01, 0.001
  const auto found = published_rotary(formats::ConfigReader(config, "c.json"), 8);
  EXPECT_DOUBLE_EQ(found[0], plain[0]);      // 32 / 2 pi = 5.09 turns, above 4
  EXPECT_DOUBLE_EQ(found[1], plain[1] / 8);  // 0.51 turns, below 1
  EXPECT_DOUBLE_EQ(found[2], plain[2] / 8);
  EXPECT_DOUBLE_EQ(found[3], plain[3] / 8);
}

// As GGUF files hold what stretching comes to.
TEST(PublishedRotary, DividesEachFrequencyByItsOwn) {
  json config = {{"rope_theta", 10000.0},
                 {"rope_scaling", {{"rope_type", "divided"}, {"divisors", {1, 2, 4, 5}}}}};
  const auto found = published_rotary(formats::ConfigReader(config, "c.json"), 8);
  const std::vector<double> expected = {1, 0.1 / 2, 0.01 / 4, 0.001 / 5};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(found[i], expected[i], 1e-15);  // of pow()
  config["rope_scaling"]["divisors"] = {1, 2};
  EXPECT_THAT(
      tests::message_of([&] { published_rotary(formats::ConfigReader(config, "c.json"), 8); }),
      HasSubstr("divisors = [1,2]: must be half as many as head_dim"));
}

}  // namespace
}  // namespace trellis::nn

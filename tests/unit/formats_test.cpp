// Files of published models: what is in them comes out, and what is wrong is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "core/formats/checkpoint.hpp"
#include "core/formats/gguf.hpp"
#include "core/formats/safetensors.hpp"
#include "core/text/published_tokenizer.hpp"
#include "tests/abi/host.hpp"
#include "tests/unit/gguf_fixture.hpp"

namespace trellis::formats {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using tests::GgufWriter;
using tests::message_of;

std::filesystem::path goldens() {
  const char* named = std::getenv("TRELLIS_GOLDENS");
  return named != nullptr ? std::filesystem::path(named)
                          : std::filesystem::path(TRELLIS_SOURCE_DIR "/tests/golden");
}

std::string bytes_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string from_hexadecimal(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return bytes;
}

// The products and sums are of floats, in one order: the bits of the reference.
TEST(StoredBlocks, HaveTheValuesOfTheReference) {
  std::ifstream file(std::filesystem::path(TRELLIS_SOURCE_DIR "/tests/golden/formats/blocks.json"));
  const json goldens = json::parse(file);
  for (const json& figure : goldens.at("cases")) {
    const auto name = figure.at("type").get<std::string>();
    SCOPED_TRACE(name);
    const std::string bytes = from_hexadecimal(figure.at("bytes"));
    const auto values = figure.at("values").get<std::vector<float>>();
    StoredTensor tensor;
    tensor.type = type_from_name(name).value();
    tensor.shape = {static_cast<std::int64_t>(values.size())};
    tensor.bytes = std::as_bytes(std::span(bytes));
    ASSERT_EQ(stored_bytes(tensor.type, tensor.shape), bytes.size());
    std::vector<float> found(values.size());
    copy_values(tensor, found);
    EXPECT_EQ(found, values);
  }
}

TEST(StoredTensor, ImpossibleShapesHaveNoSize) {
  EXPECT_EQ(stored_bytes(ElementType::float32, std::vector<std::int64_t>{2, 3}), 24U);
  EXPECT_EQ(stored_bytes(ElementType::float32, std::vector<std::int64_t>{}), 4U);
  EXPECT_FALSE(stored_bytes(ElementType::q8_0, std::vector<std::int64_t>{2, 33}));
  EXPECT_FALSE(stored_bytes(ElementType::float32, std::vector<std::int64_t>{-1}));
  const std::int64_t huge = std::int64_t{1} << 62;
  EXPECT_FALSE(stored_bytes(ElementType::float32, std::vector<std::int64_t>{huge, 4}));
  EXPECT_FALSE(stored_bytes(ElementType::float64, std::vector<std::int64_t>{huge}));
}

class Folder : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  void write_tensors(const std::string& name, const std::vector<std::string>& tensors) {
    static const float values[] = {1, 2, 3, 4};
    std::vector<TensorToWrite> all;
    for (const auto& tensor : tensors) all.push_back({tensor, {2, 2}, values});
    write_safetensors(folder_ / name, all, {});
  }
  std::string refusal() {
    return message_of([this] { open_checkpoint(folder_.path()); });
  }
  tests::TemporaryFolder folder_;
};

TEST_F(Folder, ShardsAreReadTogether) {
  write("config.json", R"({"model_type": "llama"})");
  write("generation_config.json", R"({"eos_token_id": [2, 3]})");
  write_tensors("a.safetensors", {"one", "two"});
  write_tensors("b.safetensors", {"three"});
  write("model.safetensors.index.json",
        R"({"weight_map": {"one": "a.safetensors", "two": "a.safetensors",
            "three": "b.safetensors"}})");
  const Checkpoint checkpoint = open_checkpoint(folder_.path());
  EXPECT_EQ(checkpoint.tensors.size(), 3U);
  EXPECT_EQ(checkpoint_type(folder_.path()), "llama");
  EXPECT_THAT(checkpoint.reader().object({"generation"})->tokens({"eos_token_id"}),
              testing::ElementsAre(2, 3));
}

TEST_F(Folder, DamagedOnesAreToldInOneLine) {
  EXPECT_THAT(refusal(), HasSubstr("config.json: cannot be opened"));
  write("config.json", "[1]");
  EXPECT_THAT(refusal(), HasSubstr("config.json: is not a JSON object"));
  write("config.json", R"({"model_type": "llama"})");
  EXPECT_THAT(refusal(), HasSubstr("holds neither model.safetensors nor"));
  const std::string index = "model.safetensors.index.json";
  write(index, "{}");
  EXPECT_THAT(refusal(), HasSubstr("has no weight_map"));
  for (const std::string name : {"../a.safetensors", "/etc/passwd", "a.bin", ""}) {
    write(index, json{{"weight_map", {{"one", name}}}}.dump());
    EXPECT_THAT(refusal(), HasSubstr("tensor \"one\" has no name of a .safetensors file"));
  }
  write(index, R"({"weight_map": {"one": "a.safetensors"}})");
  EXPECT_THAT(refusal(), HasSubstr("a.safetensors: cannot be opened"));
  write_tensors("a.safetensors", {"other"});
  EXPECT_THAT(refusal(), HasSubstr("names one that no shard holds"));
  write_tensors("b.safetensors", {"other"});
  write(index, R"({"weight_map": {"one": "a.safetensors", "other": "b.safetensors"}})");
  EXPECT_THAT(refusal(), HasSubstr("tensor \"other\" is in another shard too"));
}

TEST(ConfigReader, NamesWhatNoModelHas) {
  const json config = {{"layers", -1},    {"width", 1e30}, {"name", 7},       {"rate", "fast"},
                       {"ids", {1, "a"}}, {"act", "sine"}, {"zero", nullptr}, {"deep", {{"x", 1}}},
                       {"flag", "yes"},   {"heads", 4}};
  const ConfigReader reader(config, "c.json");
  EXPECT_EQ(reader.size({"n_head", "heads"}), 4);
  EXPECT_EQ(reader.size({"zero"}, 3), 3);
  const auto refusal = [&](auto read) { return message_of(read); };
  EXPECT_THAT(refusal([&] { reader.size({"layers"}); }), HasSubstr("c.json: layers = -1: must be"));
  EXPECT_THAT(refusal([&] { reader.size({"width"}); }), HasSubstr("width = 1e+30: must be"));
  EXPECT_THAT(refusal([&] {
                reader.size({"none", "other"});
              }),
              HasSubstr("has no none or other, which"));
  EXPECT_THAT(refusal([&] { reader.text({"name"}); }), HasSubstr("name = 7: must be a text"));
  EXPECT_THAT(refusal([&] { reader.number({"rate"}); }), HasSubstr("must be a number above 0"));
  EXPECT_THAT(refusal([&] { reader.tokens({"ids"}); }), HasSubstr("must be a token's number"));
  EXPECT_THAT(refusal([&] { reader.boolean({"flag"}, true); }), HasSubstr("true or false"));
  EXPECT_THAT(refusal([&] {
                reader.choice({"act"}, {"silu", "relu"});
              }),
              HasSubstr("act = \"sine\": is not known here; known: silu, relu"));
}

// Rows of queries and keys as llama.cpp's converter stores them: neighbouring pairs of a head
// instead of its halves.
std::string by_pairs(const StoredTensor& tensor, std::size_t heads) {
  const auto rows = static_cast<std::size_t>(tensor.shape.front());
  const std::string bytes = bytes_of(tensor.bytes);
  const std::size_t row = bytes.size() / rows;
  const std::size_t head = rows / heads;  // of 8 rows: 0 4 1 5 2 6 3 7 of the original's
  std::string paired;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t within = i % head;
    paired += bytes.substr((i - within + within / 2 + within % 2 * (head / 2)) * row, row);
  }
  return paired;
}

// The metadata of a reference's config, with a tokenizer of four tokens.
GgufWriter start_gguf(const nlohmann::json& config) {
  GgufWriter writer("llama");
  for (const auto& [key, from] :
       std::map<std::string, std::string>{{"block_count", "num_hidden_layers"},
                                          {"context_length", "max_position_embeddings"},
                                          {"embedding_length", "hidden_size"},
                                          {"feed_forward_length", "intermediate_size"},
                                          {"attention.head_count", "num_attention_heads"},
                                          {"attention.head_count_kv", "num_key_value_heads"},
                                          {"expert_count", "num_local_experts"},
                                          {"expert_used_count", "num_experts_per_tok"}}) {
    if (config.contains(from)) writer.number("llama." + key, config.at(from).get<std::uint32_t>());
  }
  writer.real("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  writer.text("tokenizer.ggml.model", "gpt2");
  writer.texts("tokenizer.ggml.tokens", std::vector<std::string>{"<s>", "a", "b", "ab"});
  writer.texts("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  writer.numbers("tokenizer.ggml.token_type", std::vector<std::int32_t>{3, 1, 1, 1});
  writer.number("tokenizer.ggml.eos_token_id", 2);
  return writer;
}

// The reference's tensors, with all experts' matrices of a layer in one, or (`apart`) each alone.
void put_tensors(const Checkpoint& original, bool apart, GgufWriter& writer) {
  const std::map<std::string, std::string> names = {{"model.embed_tokens", "token_embd"},
                                                    {"model.norm", "output_norm"},
                                                    {"lm_head", "output"},
                                                    {"input_layernorm", "attn_norm"},
                                                    {"post_attention_layernorm", "ffn_norm"},
                                                    {"self_attn.q_proj", "attn_q"},
                                                    {"self_attn.k_proj", "attn_k"},
                                                    {"self_attn.v_proj", "attn_v"},
                                                    {"self_attn.o_proj", "attn_output"},
                                                    {"mlp.gate_proj", "ffn_gate"},
                                                    {"mlp.up_proj", "ffn_up"},
                                                    {"mlp.down_proj", "ffn_down"},
                                                    {"block_sparse_moe.gate", "ffn_gate_inp"}};
  const std::map<std::string, std::string> experts = {
      {"w1", "ffn_gate"}, {"w2", "ffn_down"}, {"w3", "ffn_up"}};
  struct Stacked {
    std::vector<std::uint64_t> shape = {0};
    std::string bytes;
  };
  std::map<std::string, Stacked> stacked;
  for (const auto& [name, tensor] : original.tensors) {
    std::string stem = name.substr(0, name.rfind('.'));
    std::string before;
    if (stem.starts_with("model.layers.")) {
      before = "blk." + stem.substr(13, stem.find('.', 13) - 12);
      stem = stem.substr(stem.find('.', 13) + 1);
    }
    std::string bytes = bytes_of(tensor.bytes);
    if (stem == "self_attn.q_proj")
      bytes = by_pairs(tensor, original.config["num_attention_heads"]);
    if (stem == "self_attn.k_proj")
      bytes = by_pairs(tensor, original.config["num_key_value_heads"]);
    const std::vector<std::uint64_t> shape(tensor.shape.begin(), tensor.shape.end());
    const std::string expert = "block_sparse_moe.experts.";
    if (!stem.starts_with(expert)) {
      writer.tensor(before + names.at(stem) + ".weight", shape, 0, bytes);
      continue;
    }
    const std::size_t end = stem.find('.', expert.size());
    const std::string matrix = before + experts.at(stem.substr(end + 1));
    if (apart) {
      writer.tensor(matrix + stem.substr(expert.size() - 1, end - expert.size() + 1) + ".weight",
                    shape, 0, bytes);
      continue;
    }
    Stacked& all = stacked[matrix + "_exps.weight"];  // in the order of the experts' numbers
    all.shape = {all.shape.front() + 1, shape[0], shape[1]};
    all.bytes += bytes;
  }
  for (const auto& [name, all] : stacked) writer.tensor(name, all.shape, 0, all.bytes);
}

void expect_tensors(const Checkpoint& read, const Checkpoint& original) {
  ASSERT_EQ(read.tensors.size(), original.tensors.size());
  for (const auto& [name, tensor] : original.tensors) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(read.tensors.contains(name));
    const StoredTensor& found = read.tensors.at(name);
    ASSERT_EQ(found.shape, tensor.shape);
    for (std::int64_t row = 0; row < tensor.shape.front(); ++row)
      EXPECT_EQ(bytes_of(stored_row(found, row)), bytes_of(stored_row(tensor, row))) << row;
  }
}

// Files as llama.cpp's converter makes them of the references: other names, rows by pairs, experts
// together.
TEST(Gguf, GivesOutTheFolderThatItWasMadeFrom) {
  tests::TemporaryFolder temporary;
  for (const char* model : {"llama_gqa_tied", "mixtral"}) {
    for (const bool apart : {false, true}) {
      SCOPED_TRACE(model);
      const Checkpoint original = open_checkpoint(goldens() / "models" / model);
      GgufWriter writer = start_gguf(original.config);
      put_tensors(original, apart, writer);
      const auto path = temporary / "x.gguf";
      std::ofstream(path, std::ios::binary) << writer.bytes();
      EXPECT_EQ(checkpoint_type(path), original.config.at("model_type"));
      const Checkpoint read = open_checkpoint(path);
      for (const char* key : {"model_type", "vocab_size", "tie_word_embeddings"})
        EXPECT_EQ(read.config.at(key), original.config.at(key)) << key;
      if (original.config.contains("num_local_experts")) {
        EXPECT_EQ(read.config.at("num_experts_per_tok"), original.config.at("num_experts_per_tok"));
      }
      expect_tensors(read, original);
      const auto tokenizer = text::build_huggingface_tokenizer(read.tokenizer);
      EXPECT_THAT(tokenizer->encode("ab<s>b"), testing::ElementsAre(3, 0, 2));
    }
  }
}

// As in files of Llama 3.1: the stretched frequencies are those of the base over these.
TEST(Gguf, ReadsWhatRotaryFrequenciesAreDividedBy) {
  const std::vector<float> divisors = {1, 1, 2.5, 8};
  GgufWriter writer = start_gguf({});
  writer.tensor("rope_freqs.weight", {4}, 0, bytes_of(std::as_bytes(std::span(divisors))));
  tests::TemporaryFolder folder;
  const auto path = folder / "x.gguf";
  std::ofstream(path, std::ios::binary) << writer.bytes();
  const Checkpoint read = open_checkpoint(path);
  EXPECT_TRUE(read.tensors.empty());
  const auto scaling = read.reader().object({"rope_scaling"});
  EXPECT_EQ(scaling->text({"rope_type"}), "divided");
  EXPECT_THAT(scaling->numbers({"divisors"}), testing::ElementsAre(1, 1, 2.5, 8));
}

// "ab" has the higher score, so "abc" is made of it and not of "bc".
TEST(Gguf, SentencePieceJoinsByScore) {
  GgufWriter writer("llama");
  writer.text("tokenizer.ggml.model", "llama");
  writer.number("tokenizer.ggml.unknown_token_id", 0);
  writer.number("tokenizer.ggml.bos_token_id", 1);
  const std::vector<std::string> tokens = {"<unk>", "<s>", "a", "b", "c", "ab", "bc", "\u2581"};
  writer.texts("tokenizer.ggml.tokens", tokens);
  writer.numbers("tokenizer.ggml.token_type", std::vector<std::int32_t>{2, 3, 1, 1, 1, 1, 1, 1});
  writer.reals("tokenizer.ggml.scores", std::vector<float>{0, 0, -9, -9, -9, -1, -2, -9});
  writer.flag("tokenizer.ggml.add_space_prefix", false);
  writer.flag("tokenizer.ggml.add_bos_token", true);
  tests::TemporaryFolder folder;
  const auto path = folder / "x.gguf";
  std::ofstream(path, std::ios::binary) << writer.bytes();
  const auto tokenizer = text::build_huggingface_tokenizer(open_checkpoint(path).tokenizer);
  const std::vector<std::int32_t> ids = {5, 4, 7, 6};
  EXPECT_EQ(tokenizer->encode("abc bc"), ids);
  EXPECT_EQ(tokenizer->encode("a", {.add_special_tokens = true}),
            (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(tokenizer->decode(ids), "abc bc");
}

TEST(Gguf, NamesWhatIsNotSupported) {
  tests::TemporaryFolder folder;
  const auto path = folder / "x.gguf";
  const auto refusal = [&](const GgufWriter& writer) {
    std::ofstream(path, std::ios::binary) << writer.bytes();
    return message_of([&] { open_checkpoint(path); });
  };
  EXPECT_THAT(refusal(GgufWriter("mamba")),
              HasSubstr("general.architecture = \"mamba\": is not supported; supported in GGUF "
                        "files: llama, qwen2, gemma3"));
  GgufWriter mixture("qwen2");
  mixture.number("qwen2.expert_count", 60);
  EXPECT_THAT(refusal(mixture), HasSubstr("qwen2 with a mixture of 60 experts is not supported"));
  GgufWriter quantized("llama");
  quantized.tensor("w", {256}, 10, std::string(84, '\0'));
  EXPECT_THAT(refusal(quantized), HasSubstr("tensor \"w\" is quantized by the unsupported type 10; "
                                            "supported: F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, "
                                            "Q4_K, Q5_K, Q6_K, BF16"));
  GgufWriter tokenizer("llama");
  tokenizer.text("tokenizer.ggml.model", "bert");
  tokenizer.texts("tokenizer.ggml.tokens", std::vector<std::string>{"a"});
  tokenizer.numbers("tokenizer.ggml.token_type", std::vector<std::int32_t>{1});
  EXPECT_THAT(refusal(tokenizer), HasSubstr("tokenizer.ggml.model = \"bert\" is not supported"));
  GgufWriter twice("llama");
  twice.number("llama.block_count", 1);
  twice.number("llama.block_count", 2);
  EXPECT_THAT(refusal(twice), HasSubstr("its key \"llama.block_count\" stands twice"));
}

}  // namespace
}  // namespace trellis::formats

// Weights that were cut, damaged or made to mislead: sizes that overflow, ranges outside the file.
#include "core/formats/safetensors.hpp"

#include <numeric>

#include "tests/abi/host.hpp"
#include "tests/fuzz/mutate.hpp"

namespace trellis::fuzz {
namespace {

const std::vector<std::string> kWords = {"\"shape\":[4611686018427387904,4]",
                                         "\"shape\":[0,9223372036854775807]",
                                         "\"shape\":[-1]",
                                         "\"data_offsets\":[0,18446744073709551615]",
                                         "\"data_offsets\":[8,0]",
                                         "\"dtype\":\"F16\"",
                                         "\"dtype\":\"BF16\"",
                                         "\"dtype\":\"F64\"",
                                         "\"dtype\":\"I64\"",
                                         "\"dtype\":7",
                                         "[",
                                         "{",
                                         "}",
                                         "\"__metadata__\":{\"a\":1},",
                                         "\"a\\nb\"",
                                         "\xFF",
                                         std::string(2000, '[')};

TEST(SafetensorsFuzz, AWholeFileOrOneLine) {
  tests::TemporaryFolder folder;
  const auto path = folder / "weights.safetensors";
  std::vector<float> values(24);
  std::iota(values.begin(), values.end(), -3.5F);
  const std::span<const float> all(values);
  const formats::TensorToWrite tensors[] = {{"embedding.weight", {4, 3}, all.first(12)},
                                            {"bias", {4}, all.subspan(12, 4)},
                                            {"empty", {0, 5}, all.first(0)},
                                            {"scalar", {}, all.first(1)}};
  formats::write_safetensors(path, tensors, {{"model", "test"}});
  const auto good = tests::read_file(path);
  const auto accepted = fuzz(Mutator(1, {good}, kWords), 4000, [&](const auto& bytes) {
    replace_file(path, bytes);
    const auto file = formats::read_safetensors(path);
    for (const auto& [name, tensor] : file.tensors) {
      const auto& shape = tensor.shape;
      std::vector<float> out(static_cast<std::size_t>(
          std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>())));
      if (formats::block_size(tensor.type) == 1) formats::copy_values(tensor, out);
    }
  });
  EXPECT_GT(accepted, 10);
}

TEST(SafetensorsFuzz, EveryTruncationIsRefused) {
  tests::TemporaryFolder folder;
  const auto path = folder / "weights.safetensors";
  const float values[] = {1, 2, 3};
  const formats::TensorToWrite tensors[] = {{"w", {3}, values}};
  formats::write_safetensors(path, tensors, {});
  const auto good = tests::read_file(path);
  for (std::size_t size = 0; size < good.size(); ++size) {
    replace_file(path, good.substr(0, size));
    const auto message = tests::message_of([&] { formats::read_safetensors(path); });
    ASSERT_NE(message.find("not a whole safetensors file"), message.npos) << size << message;
  }
}

}  // namespace
}  // namespace trellis::fuzz

/// Weights of fewer bits: blocks derived by hand, every 16-bit number, and linear layers that give
/// the bits of the float32 weights that the stored ones stand for.
#include "core/error.hpp"
#include "core/kernels/embedding.hpp"
#include "core/kernels/half.hpp"
#include "core/kernels/linear.hpp"
#include "core/kernels/thread_pool.hpp"
#include "tests/message_of.hpp"
#include "tests/unit/kernels_fixture.hpp"

namespace trellis::tests {
namespace {

using kernels::PackedWeights;
using kernels::WeightStorage;
using Bytes = std::vector<std::byte>;

Bytes stored(WeightStorage storage, const std::vector<float>& row) {
  Bytes bytes(kernels::row_bytes(storage, row.size()));
  kernels::store_row(storage, row, bytes);
  return bytes;
}

std::vector<float> loaded(WeightStorage storage, const Bytes& bytes, std::size_t count) {
  std::vector<float> row(count);
  kernels::load_row(storage, bytes, row);
  return row;
}

Bytes to_bytes(const std::vector<int>& numbers) {
  Bytes bytes;
  for (const int number : numbers) bytes.push_back(static_cast<std::byte>(number));
  return bytes;
}

// The bytes of a GGUF block with this head and these levels of 4 bits.
Bytes nibble_block(const std::vector<int>& head, const std::vector<int>& levels) {
  std::vector<int> bytes = head;
  for (std::size_t i = 0; i < 16; ++i) bytes.push_back(levels[i] + 16 * levels[i + 16]);
  return to_bytes(bytes);
}

TEST(Half, HoldsWhatItsDefinitionSays) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const int exponent = static_cast<int>(bits >> 10) % 32;
    const int fraction = static_cast<int>(bits % 1024);
    const float value = kernels::from_float16(half);
    if (exponent == 31) {
      EXPECT_TRUE(fraction == 0 ? std::isinf(value) : std::isnan(value));
      EXPECT_EQ(std::signbit(value), bits >= 0x8000);
    } else {
      const double size =
          exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
      ASSERT_EQ(value, bits < 0x8000 ? size : -size);
      ASSERT_EQ(kernels::to_float16(value), half);
    }
    const float wide = kernels::from_bfloat16(half);
    ASSERT_EQ(bits_of(wide), bits << 16);
    if (!std::isnan(wide)) {
      ASSERT_EQ(kernels::to_bfloat16(wide), half);
    }
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits);
    const auto high = static_cast<std::uint16_t>(bits + 1);
    // Exact, as floats have more bits than that.
    const float middle = (kernels::from_float16(low) + kernels::from_float16(high)) / 2;
    ASSERT_EQ(kernels::to_float16(middle), bits % 2 == 0 ? low : high);
    ASSERT_EQ(kernels::to_float16(std::nextafter(middle, 0.0F)), low);
    ASSERT_EQ(kernels::to_float16(std::nextafter(-middle, -1e30F)), high + 0x8000);
  }
  EXPECT_EQ(kernels::to_float16(65519.99F), 0x7bff);
  EXPECT_EQ(kernels::to_float16(65520.0F), 0x7c00);
  EXPECT_EQ(kernels::to_float16(-INFINITY), 0xfc00);
  EXPECT_EQ(kernels::to_float16(NAN) & 0x7e00, 0x7e00);
  EXPECT_EQ(kernels::to_bfloat16(1.0F + 0x1p-8F), 0x3f80);
  EXPECT_EQ(kernels::to_bfloat16(1.0F + 0x3p-8F), 0x3f82);
  EXPECT_EQ(kernels::to_bfloat16(std::nextafter(1.0F + 0x1p-8F, 2.0F)), 0x3f81);
  EXPECT_EQ(kernels::to_bfloat16(INFINITY), 0x7f80);
  EXPECT_EQ(kernels::to_bfloat16(std::bit_cast<float>(0x7f800001U)), 0x7fc0);
}

TEST(Quantization, MakesTheBlocksThatWereDerivedByHand) {
  // The greatest is 63.5 = 127 * 0.5, so the scale is 0.5 (0x3800); -0.25 is half a step and
  // rounds away from 0.
  std::vector<float> row = {63.5F, -63.5F, 0, 0.5F, -0.25F, 0.2F};
  row.resize(32, 10);
  std::vector<int> bytes = {0x00, 0x38, 127, 256 - 127, 0, 1, 256 - 1, 0};
  bytes.resize(34, 20);
  EXPECT_EQ(stored(WeightStorage::q8_0, row), to_bytes(bytes));

  // Greatest in size -2: scale 0.25 (0x3400), level = 4 weight + 8; 0.125 is half a step and goes
  // up; 2 would need level 16 and gets 15.
  row = {-2, 0.125F, 0, 2, 0.25F};
  row.resize(32, -0.5F);
  std::vector<int> levels = {0, 9, 8, 15, 9};
  levels.resize(32, 6);
  EXPECT_EQ(stored(WeightStorage::q4_0, row), nibble_block({0x00, 0x34}, levels));

  // Greatest in size 2, which came first: scale -0.25 (0xb400), level = 8 - 4 weight.
  row = {2, 0, -2};
  row.resize(32, 1.75F);
  levels = {0, 8, 15};
  levels.resize(32, 1);
  EXPECT_EQ(stored(WeightStorage::q4_0, row), nibble_block({0x00, 0xb4}, levels));

  // From -1 (0xbc00) to 2.75: scale 0.25, level = 4 (weight + 1).
  row = {-1, 2.75F, 0};
  row.resize(32, -0.25F);
  levels = {0, 15, 4};
  levels.resize(32, 3);
  EXPECT_EQ(stored(WeightStorage::q4_1, row), nibble_block({0x00, 0x34, 0x00, 0xbc}, levels));
  EXPECT_EQ(loaded(WeightStorage::q4_1, stored(WeightStorage::q4_1, row), 32), row);
}

TEST(Quantization, StaysWithinHalfAStep) {
  const std::vector<float> row = numbers(1000, 1);
  for (const WeightStorage storage : kernels::kRoundedStorages) {
    SCOPED_TRACE(std::string(storage_name(storage)));
    const std::vector<float> back = loaded(storage, stored(storage, row), row.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      double bound = 0;
      if (storage == WeightStorage::float16) bound = 0x1p-12;  // as |weight| < 1
      if (storage == WeightStorage::bfloat16) bound = 0x1p-9;
      // Steps of at most 1/127, 1/8 (but the far end has one level less) and 2/15, their halves and
      // for every level the rounding of the scale by 2^-11.
      if (storage == WeightStorage::q8_0) bound = (0.5 + 127 * 0x1p-11) / 127;
      if (storage == WeightStorage::q4_0) bound = (1.0 + 8 * 0x1p-11) / 8;
      if (storage == WeightStorage::q4_1) bound = (0.5 + 16 * 0x1p-11) * 2 / 15;
      ASSERT_LE(std::abs(back[i] - row[i]), bound);
    }
  }
}

TEST(Quantization, StoresZerosAndTheLeastNumbers) {
  for (const WeightStorage storage : kernels::kRoundedStorages) {
    for (const float value : {0.0F, 0x1p-149F, -0x1p-140F}) {
      const std::vector<float> row(40, value);
      const std::vector<float> back = loaded(storage, stored(storage, row), 40);
      const bool kept = storage == WeightStorage::float32;
      for (const float weight : back) {
        EXPECT_EQ(weight, kept ? value
                          : storage == WeightStorage::bfloat16
                              ? kernels::from_bfloat16(kernels::to_bfloat16(value))
                              : 0);
      }
    }
  }
}

TEST(Quantization, RefusesWhatItCannotHold) {
  const auto refuses = [](WeightStorage storage, float weight) {
    try {
      stored(storage, {1, weight});
    } catch (const Error& error) {
      return error.fault() == Fault::bad_data;
    }
    return false;
  };
  for (const WeightStorage storage :
       {WeightStorage::q8_0, WeightStorage::q4_0, WeightStorage::q4_1}) {
    EXPECT_TRUE(refuses(storage, NAN));
    EXPECT_TRUE(refuses(storage, INFINITY));
    EXPECT_TRUE(refuses(storage, -1e38F));
  }
  EXPECT_TRUE(refuses(WeightStorage::float16, 1e6F));
  EXPECT_FALSE(refuses(WeightStorage::float16, INFINITY));
  EXPECT_FALSE(refuses(WeightStorage::bfloat16, 1e38F));
}

TEST(PackedWeights, HoldsWhatAFileHolds) {
  const std::size_t outputs = 45;
  for (const WeightStorage storage : kernels::kRoundedStorages) {
    for (const std::size_t inputs : {1U, 64U, 70U}) {
      SCOPED_TRACE(testing::Message() << storage_name(storage) << ' ' << inputs);
      const std::vector<float> weights = numbers(outputs * inputs, 1);
      Bytes file;
      std::vector<float> expected;
      for (std::size_t o = 0; o < outputs; ++o) {
        const auto begin = weights.begin() + static_cast<std::ptrdiff_t>(o * inputs);
        const Bytes row = stored(storage, {begin, begin + static_cast<std::ptrdiff_t>(inputs)});
        const std::vector<float> back = loaded(storage, row, inputs);
        file.insert(file.end(), row.begin(), row.end());
        expected.insert(expected.end(), back.begin(), back.end());
      }
      const bool whole = inputs % kernels::block_size(storage) == 0;
      std::vector<PackedWeights> packed;
      packed.emplace_back(weights, outputs, inputs, storage);
      if (whole) packed.push_back(PackedWeights::from_stored(file, outputs, inputs, storage));
      for (const PackedWeights& same : packed) {
        EXPECT_EQ(same.storage(), storage);
        EXPECT_EQ(same.bytes(), 64 * kernels::row_bytes(storage, inputs));  // two panels
        std::vector<float> rows(outputs * inputs);
        std::vector<std::int32_t> tokens(outputs);
        for (std::size_t o = 0; o < outputs; ++o) tokens[o] = static_cast<std::int32_t>(o);
        kernels::embed(same, tokens, {rows.data(), outputs, inputs});
        expect_same_bits(rows, expected);
      }
    }
  }
}

// A file's rows of any storage: bytes like noise, but scales that are finite.
Bytes noise_file(WeightStorage storage, std::size_t outputs, std::size_t inputs,
                 std::uint32_t seed) {
  const kernels::BlockFormat format = kernels::block_format(storage);
  Bytes file(outputs * kernels::row_bytes(storage, inputs));
  for (std::byte& byte : file) {
    seed = seed * 1664525U + 1013904223U;
    byte = static_cast<std::byte>(seed >> 24);
  }
  // The high byte of a float16 of size 2^-9 to 2, of a float of size 2^-33 to 2.
  const auto tame = [&](std::size_t at) {
    file[at] = (file[at] & std::byte{0xbf}) | std::byte{0x20};
  };
  for (std::size_t block = 0; block < file.size(); block += format.bytes) {
    if (storage == WeightStorage::q6_k) {
      tame(block + 209);
      continue;
    }
    tame(block + (storage == WeightStorage::float32 ? 3 : 1));
    if (format.has_least) tame(block + 3);
  }
  return file;
}

// Of a storage that no floats are rounded to, too.
PackedWeights any_weights(WeightStorage storage, std::size_t outputs, std::size_t inputs) {
  if (inputs % kernels::block_size(storage) == 0)
    return PackedWeights::from_stored(noise_file(storage, outputs, inputs, 1), outputs, inputs,
                                      storage);
  return {numbers(inputs * outputs, 1), outputs, inputs, storage};
}

TEST(PackedWeights, HoldsTheWeightsOfEveryFormat) {
  for (const WeightStorage storage : kernels::kWeightStorages) {
    SCOPED_TRACE(std::string(storage_name(storage)));
    const Bytes file = noise_file(storage, 45, 512, 3);
    const PackedWeights packed = PackedWeights::from_stored(file, 45, 512, storage);
    const std::size_t size = kernels::row_bytes(storage, 512);
    // Two panels; a group's 6-bit numbers take a byte each.
    EXPECT_LE(packed.bytes(), 64 * size * 37 / 36);
    std::vector<float> row(512);
    for (std::size_t o = 0; o < 45; ++o) {
      packed.read_row(o, row);
      const auto begin = file.begin() + static_cast<std::ptrdiff_t>(o * size);
      expect_same_bits(row,
                       loaded(storage, {begin, begin + static_cast<std::ptrdiff_t>(size)}, 512));
    }
  }
}

TEST(PackedWeights, RefusesADamagedFile) {
  const auto message = [](const Bytes& file, std::size_t inputs) {
    try {
      PackedWeights::from_stored(file, 2, inputs, WeightStorage::q8_0);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::bad_data);
      return std::string(error.what());
    }
    return std::string();
  };
  Bytes file(136);
  EXPECT_EQ(message(file, 64), "");
  EXPECT_THAT(message(file, 96), testing::HasSubstr("takes 204 bytes, not 136"));
  EXPECT_THAT(message(file, 60), testing::HasSubstr("not whole blocks of 32"));
  file[69] = std::byte{0x7c};
  EXPECT_THAT(message(file, 64), testing::HasSubstr("not finite, in row 1"));
  Bytes sixth = noise_file(WeightStorage::q6_k, 2, 256, 1);
  sixth[2 * 210 - 1] = std::byte{0xfc};
  EXPECT_THAT(message_of([&] { PackedWeights::from_stored(sixth, 2, 256, WeightStorage::q6_k); }),
              testing::HasSubstr("not finite, in row 1"));
}

std::vector<float> by_kernel(const PackedWeights& weights, const std::vector<float>& in,
                             kernels::Parallel& parallel) {
  const std::size_t rows = in.size() / weights.inputs();
  std::vector<float> out(rows * weights.outputs(), -1);
  kernels::linear({in.data(), rows, weights.inputs()}, weights, {},
                  {out.data(), rows, weights.outputs()}, parallel);
  return out;
}

TEST(StoredLinear, HasTheBitsOfTheFloatsThatItsWeightsStandFor) {
  for (const WeightStorage storage : kernels::kWeightStorages) {
    struct Shape {
      std::size_t inputs, outputs;
    };
    for (const Shape& shape : {Shape{24, 40}, {70, 300}, {1, 33}, {290, 45}, {512, 70}}) {
      const std::size_t inputs = shape.inputs;
      const std::size_t outputs = shape.outputs;
      if (inputs % kernels::block_size(storage) != 0 &&
          std::ranges::find(kernels::kRoundedStorages, storage) == kernels::kRoundedStorages.end())
        continue;
      const PackedWeights packed = any_weights(storage, outputs, inputs);
      std::vector<float> floats(inputs * outputs);
      for (std::size_t o = 0; o < outputs; ++o) {
        packed.read_row(o, {&floats[o * inputs], inputs});
      }
      const PackedWeights expanded(floats, outputs, inputs);
      in_every_target([&] {
        kernels::Sequential sequential;
        kernels::ThreadPool pool(3);
        for (std::size_t rows = 1; rows <= 70; ++rows) {
          if (inputs != 24 && inputs != 70 && rows > 4 && rows % 19 != 0 && rows != 13) continue;
          SCOPED_TRACE(testing::Message() << storage_name(storage) << ' ' << inputs << "x"
                                          << outputs << ", " << rows << " rows");
          const std::vector<float> in = numbers(rows * inputs, 2);
          kernels::Parallel& parallel =
              rows % 2 == 0 ? pool : static_cast<kernels::Parallel&>(sequential);
          expect_same_bits(by_kernel(packed, in, parallel), by_kernel(expanded, in, sequential));
        }
      });
    }
  }
}

// Scales of all sizes with levels and factors at all places of a word: unit vectors take the
// weights out one by one.
TEST(StoredLinear, ExpandsEveryLevelExactly) {
  for (const WeightStorage storage : std::span(kernels::kWeightStorages).subspan<3>()) {
    SCOPED_TRACE(std::string(storage_name(storage)));
    const kernels::BlockFormat format = kernels::block_format(storage);
    const std::size_t inputs = format.weights;
    const std::size_t step = inputs == 32 ? 11 : 89;
    std::vector<float> units(inputs * inputs);
    for (std::size_t i = 0; i < inputs; ++i) units[i * (inputs + 1)] = 1;
    Bytes file;
    std::size_t outputs = 0;
    for (std::size_t scale = 0; scale < 0x10000; scale += step) {
      if ((scale & 0x7c00) == 0x7c00) continue;
      Bytes block = noise_file(storage, 1, inputs, static_cast<std::uint32_t>(scale));
      const std::size_t at = storage == WeightStorage::q6_k ? 208 : 0;
      block[at] = static_cast<std::byte>(scale % 256);
      block[at + 1] = static_cast<std::byte>(scale / 256);
      file.insert(file.end(), block.begin(), block.end());
      ++outputs;
    }
    const PackedWeights packed = PackedWeights::from_stored(file, outputs, inputs, storage);
    std::vector<float> expected(inputs * outputs);
    for (std::size_t o = 0; o < outputs; ++o) {
      const auto begin = file.begin() + static_cast<std::ptrdiff_t>(o * format.bytes);
      const std::vector<float> row =
          loaded(storage, {begin, begin + static_cast<std::ptrdiff_t>(format.bytes)}, inputs);
      for (std::size_t i = 0; i < inputs; ++i) expected[i * outputs + o] = row[i] + 0.0F;  // no -0
    }
    in_every_target([&] {
      kernels::Sequential sequential;
      expect_same_bits(by_kernel(packed, units, sequential), expected);
    });
  }
}

TEST(StoredLinear, ExpandsEvery16BitNumber) {
  for (const WeightStorage storage : {WeightStorage::float16, WeightStorage::bfloat16}) {
    Bytes file;
    std::vector<float> expected;
    for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
      const Bytes both = to_bytes({static_cast<int>(bits % 256), static_cast<int>(bits / 256)});
      file.insert(file.end(), both.begin(), both.end());
      expected.push_back(loaded(storage, both, 1)[0] + 0.0F);
    }
    const PackedWeights packed = PackedWeights::from_stored(file, 0x10000, 1, storage);
    in_every_target([&] {
      kernels::Sequential sequential;
      expect_same_bits(by_kernel(packed, {1}, sequential), expected);
    });
  }
}

}  // namespace
}  // namespace trellis::tests

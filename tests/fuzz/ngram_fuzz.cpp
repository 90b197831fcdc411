// Folders of the n-gram model, which reads them in C. Its file of counts is guarded by a hash, so
// half of the inputs get the hash that fits and reach the reader behind it.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/plugin/model.hpp"
#include "tests/abi/host.hpp"
#include "tests/fuzz/mutate.hpp"

namespace trellis::fuzz {
namespace {

using nlohmann::json;

// As plugins/models/ngram/checkpoint.c hashes a vocabulary of bytes.
std::string hash_of(const std::string& counts) {
  XXH128_canonical_t digest;
  XXH128_canonicalFromHash(&digest, XXH3_128bits(counts.data(), counts.size()));
  std::string hex;
  for (const auto byte : digest.digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += {kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  return hex;
}

class NgramFuzz : public testing::Test {
 protected:
  NgramFuzz() {
    auto model = plugin::Model::create(
        registry_, "ngram",
        plugin::complete_settings(registry_.get(plugin::Kind::model, "ngram").settings,
                                  {{"tokenizer", "byte"}, {"order", 3}}));
    const std::vector<plugin::TrainingExample> data = {{"q", "abab"}, {"", "ba"}, {"", "abc"}};
    model.train(data, {}, folder_.path(), 1, [](const json&) { return true; });
    description_ = json::parse(tests::read_file(folder_ / "model.json"));
    counts_file_ = folder_ / description_["counts"].get<std::string>();
    counts_ = tests::read_file(counts_file_);
  }

  // Loads what lies in the folder; a model that loads must also work.
  void use() {
    auto model = plugin::Model::load(registry_, "ngram", folder_.path());
    auto state = model.open_state({});
    const std::vector<std::int32_t> tokens = {0, 101, 102, 101};
    const auto vocab_size = model.facts().vocab_size;
    std::vector<float> logits(tokens.size() * vocab_size);
    trellis_feed_item item{state.get(),   tokens.data(), tokens.size(),
                           logits.data(), nullptr,       tokens.size()};
    model.feed({&item, 1});
    for (const float logit : logits) ASSERT_FALSE(std::isnan(logit));
  }

  tests::TemporaryFolder folder_;
  plugin::Registry registry_{{tests::built_plugins()}, tests::quiet_host()};
  json description_;
  std::filesystem::path counts_file_;
  std::string counts_;
};

TEST_F(NgramFuzz, Counts) {
  ASSERT_EQ(hash_of(counts_), description_["weights_hash"]);
  const auto fuzz_counts = [&](std::uint64_t seed, int rounds, bool fitting_hash) {
    return fuzz(Mutator(seed, {counts_}, {std::string(4, '\xFF'), std::string(4, '\0')}), rounds,
                [&](const std::string& counts) {
                  replace_file(counts_file_, counts);
                  if (fitting_hash) description_["weights_hash"] = hash_of(counts);
                  replace_file(folder_ / "model.json", description_.dump());
                  use();
                });
  };
  fuzz_counts(1, 500, false);
  EXPECT_GT(fuzz_counts(2, 3000, true), 10);
}

TEST_F(NgramFuzz, Descriptions) {
  fuzz(Mutator(3, {description_.dump()},
               {"[", "{", "}", "\"", "-1", "13", "\"character\"", "[1, 2]", "null", "\xFF", "/",
                "..", std::string(3000, '[')}),
       2000, [&](const std::string& text) {
         replace_file(folder_ / "model.json", text);
         use();
       });
}

}  // namespace
}  // namespace trellis::fuzz

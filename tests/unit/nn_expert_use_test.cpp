// Counts of the experts that tokens went to: by hand, of a network in every way to run it, and over
// a training that is stopped and goes on.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "core/nn/trainer.hpp"
#include "plugins/models/wudao/wudao.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace trellis {
namespace {

using nn::ExpertUse;
using nn::Tensor;
using Counts = std::vector<std::uint64_t>;

constexpr std::int64_t kVocab = 19;

std::unique_ptr<models::Wudao> make_network(double capacity_factor = 1.25) {
  return std::make_unique<models::Wudao>(models::WudaoOptions{.vocab = kVocab,
                                                              .context = 32,
                                                              .layers = 4,
                                                              .width = 12,
                                                              .heads = 2,
                                                              .inner = 16,
                                                              .experts = 3,
                                                              .top_k = 2,
                                                              .capacity_factor = capacity_factor},
                                         5);
}

std::vector<std::int32_t> make_tokens(std::size_t count, std::int32_t token) {
  std::vector<std::int32_t> tokens;
  while (tokens.size() < count) tokens.push_back(token = (token * 7 + 5) % kVocab);
  return tokens;
}

std::vector<Counts> tokens_of(const std::vector<ExpertUse>& use) {
  std::vector<Counts> tokens;
  for (const ExpertUse& layer : use) tokens.push_back(layer.tokens);
  return tokens;
}

std::uint64_t sum(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

// The gate copies the first three numbers of a token, of which the two greatest win:
//   (3 2 1): experts 0, 1    (1 2 3): 2, 1    (3 1 2): 0, 2    (3 2 1): 0, 1
// With a factor of 0.75 an expert takes ceil(0.75 * 2 * 4 / 3) = 2 tokens, in their order: the last
// finds no room with 0 and 1.
class CountedMixture : public ::testing::Test {
 protected:
  CountedMixture() {
    const at::NoGradGuard no_gradient;
    mixture_.gate.weight->weight().copy_(at::eye(3, 4));
  }
  nn::Parameters parameters_{1};
  nn::MixtureOfExperts mixture_{parameters_,
                                "m",
                                {.width = 4,
                                 .inner = 4,
                                 .experts = 3,
                                 .top_k = 2,
                                 .capacity_factor = 0.75,
                                 .init = {nn::Init::Kind::normal, 0.3},
                                 .down_init = {nn::Init::Kind::normal, 0.3}}};
  Tensor x_ = at::tensor({3, 2, 1, 0, 1, 2, 3, 0, 3, 1, 2, 0, 3, 2, 1, 0}, at::kFloat).view({4, 4});
  ExpertUse use_ = nn::no_use(0, 3);
};

TEST_F(CountedMixture, CountsEveryChoice) {
  const at::NoGradGuard no_gradient;
  mixture_(x_, &use_);
  EXPECT_EQ(use_.tokens, Counts({3, 3, 2}));
  EXPECT_EQ(use_.dropped, Counts({0, 0, 0}));  // there is room for all outside of training
  mixture_(x_, &use_);
  EXPECT_EQ(use_.tokens, Counts({6, 6, 4}));
}

TEST_F(CountedMixture, CountsWhatFindsNoRoomInTraining) {
  mixture_(x_, &use_);
  EXPECT_EQ(use_.tokens, Counts({3, 3, 2}));
  EXPECT_EQ(use_.dropped, Counts({1, 1, 0}));
}

TEST_F(CountedMixture, CountsOnlyWhatCounts) {
  mixture_(x_, &use_, at::tensor({1, 0, 1, 0}, at::kLong).to(at::kBool));
  EXPECT_EQ(use_.tokens, Counts({2, 1, 1}));
  EXPECT_EQ(use_.dropped, Counts({0, 0, 0}));
}

// Layers 1 and 3 have experts; each token goes to two of three.
TEST(ExpertUse, IsTheSameInAnyBatchAndChunkAndOnAnyThreads) {
  const auto network = make_network();
  network->parameters.freeze();
  const c10::InferenceMode inference;
  const std::vector<std::int32_t> texts[] = {make_tokens(11, 3), make_tokens(5, 4)};
  std::vector<Counts> alone(2, Counts(3));
  for (const auto& text : texts) {
    const auto state = network->open({});
    const nn::Feed feed{state.get(), text};
    network->feed({&feed, 1});
    const auto use = network->take_expert_use();
    ASSERT_EQ(use.size(), 2U);
    EXPECT_EQ(use[0].layer, 1);
    EXPECT_EQ(use[1].layer, 3);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(sum(use[i].tokens), 2 * text.size());
      for (std::size_t e = 0; e < 3; ++e) alone[i][e] += use[i].tokens[e];
    }
  }
  for (const int threads : {1, 4}) {
    at::set_num_threads(threads);
    for (const std::size_t chunk : {1, 2, 5}) {
      std::unique_ptr<nn::NetworkState> states[] = {network->open({}), network->open({})};
      for (std::size_t begin = 0; begin < texts[0].size(); begin += chunk) {
        std::vector<nn::Feed> feeds;
        for (std::size_t i = 0; i < 2; ++i) {
          const std::size_t end = std::min(begin + chunk, texts[i].size());
          if (begin >= end) continue;
          feeds.push_back({states[i].get(), std::span(texts[i]).subspan(begin, end - begin)});
        }
        network->feed(feeds);
        for (const nn::Feed& feed : feeds) feed.state->length += feed.tokens.size();
      }
      EXPECT_EQ(tokens_of(network->take_expert_use()), alone) << chunk << ", " << threads;
    }
  }
  at::set_num_threads(1);
  EXPECT_EQ(sum(network->take_expert_use()[0].tokens), 0U);
}

// A window of 4 learned tokens beside one of 9: what fills it up does not count, nor what is given.
TEST(ExpertUse, OfABatchLeavesPaddingAndWhatIsGivenOut) {
  const auto network = make_network();
  const at::NoGradGuard no_gradient;
  std::vector<nn::Sequence> sequences = {{{}, make_tokens(10, 3), 1}, {{}, make_tokens(8, 4), 4}};
  const auto use_of = [&](const nn::WindowBatch& windows) {
    network->hidden(nn::to_tensors(nn::make_batch(sequences, windows)), nullptr);
    return tokens_of(network->take_expert_use());
  };
  const auto first = use_of({{0, 0, 9}});
  const auto second = use_of({{1, 0, 7}});
  const auto both = use_of({{0, 0, 9}, {1, 0, 7}});
  EXPECT_EQ(sum(first[0]), 2 * 9U);
  EXPECT_EQ(sum(second[0]), 2 * 4U);
  for (std::size_t layer = 0; layer < 2; ++layer) {
    for (std::size_t expert = 0; expert < 3; ++expert)
      EXPECT_EQ(both[layer][expert], first[layer][expert] + second[layer][expert]);
  }
}

class CountedTraining : public ::testing::Test {
 protected:
  // Points as "step, split, expert use"; `stop` before that update, 0: never.
  std::vector<std::string> train(std::uint64_t stop) {
    const auto network = make_network(0.5);
    nn::TrainingOptions options;
    options.max_steps = 12;
    options.batch_tokens = 20;
    options.report_every = 5;
    options.valid_every = 3;
    options.checkpoint_every = 100;
    options.schedule.warmup = 0;
    std::vector<std::string> points;
    std::uint64_t updates = 0;
    const nn::TrainingJob job{sequences_,
                              valid_,
                              32,
                              9,
                              folder_ / "checkpoint",
                              "f",
                              [&](const nn::TrainingPoint& point) {
                                points.push_back(std::to_string(point.step) +
                                                 (point.valid ? " valid " : " train ") +
                                                 nlohmann::json(point.expert_use).dump());
                                uses_.push_back(point);
                                return true;
                              }};
    // Polled before updates and batches of a validation, of which there is one each.
    const nn::TrainingWorld world{[] { return 0.0; }, [&] { return stop > 0 && ++updates > stop; }};
    const auto end = nn::train(*network, options, job, world);
    EXPECT_EQ(end, stop > 0 ? nn::TrainingEnd::stopped : nn::TrainingEnd::converged);
    return points;
  }

  testing::TemporaryFolder folder_;
  std::vector<nn::Sequence> sequences_ = {
      {{}, make_tokens(10, 3), 1}, {{}, make_tokens(8, 4), 4}, {{}, make_tokens(6, 5), 1}};
  std::vector<nn::Sequence> valid_ = {{{}, make_tokens(7, 6), 1}};
  std::vector<nn::TrainingPoint> uses_;
};

TEST_F(CountedTraining, PointsCountWhatWasLearnedSinceTheLastOfTheirKind) {
  train(0);
  std::uint64_t learned = 0;
  std::uint64_t dropped = 0;
  for (const nn::TrainingPoint& point : uses_) {
    ASSERT_EQ(point.expert_use.size(), 2U);
    for (const ExpertUse& use : point.expert_use) {
      const std::uint64_t tokens = point.valid ? 6 : point.tokens - learned;
      EXPECT_EQ(sum(use.tokens), 2 * tokens) << point.step;
      EXPECT_TRUE(!point.valid || sum(use.dropped) == 0U) << point.step;
      dropped += sum(use.dropped);
    }
    if (!point.valid) learned = point.tokens;
  }
  EXPECT_GT(dropped, 0U);  // half of an even share is not enough
}

TEST_F(CountedTraining, AStoppedRunCountsOnAsIfItHadNotBeenStopped) {
  const auto whole = train(0);
  std::filesystem::remove(folder_ / "checkpoint");
  auto points = train(9);
  ASSERT_FALSE(points.empty());
  const auto rest = train(0);
  points.insert(points.end(), rest.begin(), rest.end());
  EXPECT_EQ(points, whole);
}

}  // namespace
}  // namespace trellis

// Fine-tuning: LoRA begins at the model that it changes and ends as a part of it; what is frozen
// stays as it was, to the bit; a run that was stopped goes on as if it had not been.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/nn/language_model.hpp"
#include "core/nn/low_rank.hpp"
#include "core/nn/tuning.hpp"
#include "core/nn/weights.hpp"
#include "plugins/models/gpt/gpt.hpp"
#include "plugins/models/llama/llama.hpp"
#include "tests/abi/host.hpp"

namespace trellis::nn {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

constexpr std::int64_t kVocab = 31;

std::unique_ptr<Network> make_network(const std::string& name) {
  if (name == "gpt")
    return std::make_unique<models::Gpt>(
        models::GptOptions{
            .vocab = kVocab, .context = 32, .layers = 2, .width = 24, .heads = 3, .inner = 40},
        5);
  return std::make_unique<models::Llama>(models::LlamaOptions{.vocab = kVocab,
                                                              .context = 32,
                                                              .layers = 2,
                                                              .width = 24,
                                                              .heads = 2,
                                                              .kv_heads = 1,
                                                              .inner = 40},
                                         5);
}

TuningOptions lora(std::int64_t rank, const std::vector<std::string>& targets = {}) {
  TuningOptions options;
  options.lora_rank = rank;
  options.lora_targets = targets;
  return options;
}

TuningOptions frozen(const std::vector<std::string>& patterns) {
  TuningOptions options;
  options.frozen = patterns;
  return options;
}

// Rows of 9 tokens, all of which but the first are learned.
std::vector<Sequence> make_sequences() {
  std::vector<Sequence> sequences(6);
  std::int32_t token = 3;
  for (Sequence& sequence : sequences)
    for (int i = 0; i < 9; ++i) sequence.tokens.push_back(token = (token * 7 + 5) % kVocab);
  return sequences;
}

Tensor logits_of(Network& network) {
  const at::NoGradGuard no_gradient;
  Batch batch;
  const std::vector<std::int32_t> tokens = {1, 5, 3, 9, 22, 7};
  batch.input = ids_tensor(tokens.data(), tokens.size());
  return network.logits(network.hidden(batch, nullptr)).clone();
}

Tensor generated_logits(Network& network) {
  if (!network.parameters.frozen()) network.parameters.freeze();
  const c10::InferenceMode inference;
  const auto state = network.open({});
  const std::vector<std::int32_t> tokens = {1, 5, 3, 9, 22, 7};
  const Feed feed{state.get(), tokens};
  return network.logits(network.feed({&feed, 1})).unsqueeze(0).clone();
}

void update(Network& network, int steps) {
  const std::vector<Sequence> sequences = make_sequences();
  Updater updater(network, {});
  const Batch batch =
      to_tensors(make_batch(sequences, plan_validation(sequences, {.batch_tokens = 54}).front()));
  for (int i = 0; i < steps; ++i)
    updater.update({&batch, 1}, 0.01, 0.0, 1.0, static_cast<std::uint64_t>(i));
}

class Tuning : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Network> network_ = make_network(GetParam());
};

TEST_P(Tuning, LoraBeginsAtItsBaseAndEndsAsAPartOfIt) {
  const Tensor base = logits_of(*network_);
  const std::uint64_t count = network_->parameters.count();
  choose_trained(network_->parameters, lora(3), 1);
  EXPECT_TRUE(at::equal(logits_of(*network_), base));  // 0 is added to every product
  update(*network_, 5);
  const Tensor tuned = logits_of(*network_);
  EXPECT_GT((tuned - base).abs().max().item<float>(), 0.01F);
  merge_changes(network_->parameters);
  // Two orders of the same float32 sums, of at most 40 terms of size about 1.
  EXPECT_TRUE(at::allclose(logits_of(*network_), tuned, 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(generated_logits(*network_), tuned, 1e-4, 1e-5));
  EXPECT_EQ(network_->parameters.count(), count);
}

// Every layer has matrices that nothing but multiplication uses; embeddings are not changed.
TEST_P(Tuning, LoraChangesWhatIsChosen) {
  const auto trained = [&](const TuningOptions& options) {
    const auto network = make_network(GetParam());
    choose_trained(network->parameters, options, 1);
    std::vector<std::string> names;
    for (const Parameter& parameter : network->parameters.trained())
      names.push_back(parameter.name);
    return names;
  };
  EXPECT_THAT(
      trained(lora(2, {"*.1.attention.out"})),
      testing::ElementsAre("blocks.1.attention.out.lora_down", "blocks.1.attention.out.lora_up"));
  EXPECT_EQ(trained(lora(2)).size(), 2U * 2U * 4U);  // 2 blocks of 4 matrices
  TuningOptions above = lora(2);
  above.frozen = {"blocks.0.*"};
  EXPECT_EQ(trained(above).size(), 2U * 4U);
}

TEST_P(Tuning, WhatIsFrozenStaysAsItWas) {
  choose_trained(network_->parameters, frozen({"tokens", "blocks.0.*"}), 1);
  const WeightArrays before = copy_weights(network_->parameters.all());
  update(*network_, 3);
  const WeightArrays after = copy_weights(network_->parameters.all());
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::string& name = network_->parameters.all()[i].name;
    const bool kept = name == "tokens.weight" || name.starts_with("blocks.0.");
    EXPECT_EQ(before[i] == after[i], kept) << name;
  }
}

TEST_P(Tuning, LoraLeavesAllWeightsAsTheyWere) {
  const std::size_t own = network_->parameters.all().size();
  const WeightArrays before = copy_weights(network_->parameters.all());
  choose_trained(network_->parameters, lora(2), 1);
  update(*network_, 3);
  WeightArrays after = copy_weights(network_->parameters.all());
  after.resize(own);
  EXPECT_EQ(before, after);
}

INSTANTIATE_TEST_SUITE_P(Networks, Tuning, testing::Values("gpt", "llama"),
                         [](const auto& info) { return info.param; });

TEST(TuningChoice, PatternsThatNameNothingAreTold) {
  const auto message = [](const TuningOptions& options) {
    const auto network = make_network("gpt");
    return tests::message_of([&] { choose_trained(network->parameters, options, 1); });
  };
  EXPECT_THAT(message(frozen({"block.0.*"})),
              HasSubstr("frozen: \"block.0.*\" is the name of nothing; there are: tokens.weight, "
                        "positions.weight, blocks.{0-1}.attention_norm.weight"));
  EXPECT_THAT(message(lora(2, {"tokens"})),
              HasSubstr("lora_targets: \"tokens\" is the name of nothing; there are: "
                        "blocks.{0-1}.attention.query_key_value.weight"));
  EXPECT_THAT(message(frozen({"*"})), HasSubstr("nothing is left to train"));
}

// [2, 3] += 2 * [[1, 2], [3, 4]] [[1, 0, 1], [0, 1, 1]]
TEST(LowRank, AddsTheProduct) {
  std::vector<float> weights = {1, 1, 1, 0, 0, 0};
  const std::vector<float> up = {1, 2, 3, 4};
  const std::vector<float> down = {1, 0, 1, 0, 1, 1};
  add_low_rank(weights, up, down, 2, 2.0F);
  EXPECT_EQ(weights, (std::vector<float>{3, 5, 7, 6, 8, 14}));
}

// A model as its plugin has it, in a folder of its own.
class TunedModel : public testing::Test {
 protected:
  TunedModel() {
    at::set_num_threads(1);
    json settings = complete();
    settings["max_steps"] = 6;
    LanguageModel base("gpt", settings, architecture());
    train(base, "base");
  }

  static json complete() {
    json settings;
    for (const json& setting : model_settings({}, {}, {learn_source_setting()}))
      settings[setting.at("name").get<std::string>()] = setting.at("default");
    settings.update(json{{"tokenizer", "character"},
                         {"warmup_steps", 0},
                         {"report_every", 1},
                         {"batch_tokens", 60},
                         {"dropout", 0.1},
                         {"learning_rate", 0.01}});
    return settings;
  }
  static Architecture architecture() {
    return decoder_architecture<models::Gpt>(
        complete(),
        models::GptOptions{.context = 32, .layers = 2, .width = 24, .heads = 3, .inner = 40});
  }
  LanguageModel load(const std::string& name) {
    const SavedModel saved = read_saved_model("gpt", folder_ / name);
    if (saved.base) {
      LanguageModel model = load(find_base(saved).filename());
      model.load_changes(saved);
      return model;
    }
    LanguageModel model("gpt", saved.settings, architecture());
    model.load(saved);
    return model;
  }
  LanguageModel to_tune(const json& changes) {
    LanguageModel model = load("base");
    json settings = complete();
    settings.update(json{{"max_steps", 8}, {"init_from", (folder_ / "base").string()}});
    settings.update(changes);
    model.tune(settings, folder_ / "base");
    return model;
  }
  // The points of the curve. `stop`: after so many the listener asks to stop.
  std::vector<TrainingPoint> train(LanguageModel& model, const std::string& name,
                                   std::size_t stop = 1000, std::size_t given = 0) {
    const std::vector<TextExample> data = {{"", "one two", given},
                                           {"", "three four", given},
                                           {"", "five six", given},
                                           {"", "two one", given},
                                           {"", "six five", given}};
    std::vector<TrainingPoint> points;
    const auto on_point = [&](const TrainingPoint& point) {
      points.push_back(point);
      return points.size() < stop;
    };
    try {
      model.train(data, {}, folder_ / name, 1, on_point,
                  {[] { return 0.0; }, [] { return false; }});
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::cancelled);
    }
    return points;
  }
  static std::vector<float> answer(LanguageModel& model) {
    const auto state = model.open({});
    const std::vector<std::int32_t> tokens = {2, 6, 7, 8};
    const std::size_t vocab = model.describe().at("vocab_size");
    std::vector<float> logits(vocab);
    const FeedRequest request{state.get(), tokens, logits.data(), nullptr, 1};
    model.feed({&request, 1});
    return logits;
  }
  std::vector<std::string> tensors_in(const std::string& name) {
    std::vector<std::string> names;
    const auto file = formats::read_safetensors(read_saved_model("gpt", folder_ / name).weights);
    for (const auto& [tensor, stored] : file.tensors) names.push_back(tensor);
    return names;
  }

  tests::TemporaryFolder folder_;
};

TEST_F(TunedModel, LoraKeepsTheChangesAloneAndLoadsToTheSameBits) {
  LanguageModel tuned = to_tune({{"lora_rank", 2}});
  train(tuned, "tuned");
  EXPECT_EQ(tensors_in("tuned").size(), 16U);
  EXPECT_THAT(tensors_in("tuned"), testing::Each(HasSubstr(".lora_")));
  LanguageModel loaded = load("tuned");
  LanguageModel base = load("base");
  EXPECT_EQ(answer(loaded), answer(tuned));
  EXPECT_NE(answer(loaded), answer(base));
  EXPECT_EQ(loaded.describe(), tuned.describe());
  EXPECT_EQ(tuned.describe().at("parameters"), base.describe().at("parameters"));
}

TEST_F(TunedModel, ChangesAreRefusedForAnotherBase) {
  LanguageModel tuned = to_tune({{"lora_rank", 2}});
  train(tuned, "tuned");
  fs::rename(folder_ / "base", folder_ / "elsewhere");
  EXPECT_THAT(tests::message_of([&] { load("tuned"); }),
              HasSubstr("holds changes of the model at " + (folder_ / "base").string() +
                        ", which is not there"));
  json settings = complete();
  settings["max_steps"] = 2;
  LanguageModel other("gpt", settings, architecture());
  train(other, "base");
  EXPECT_THAT(tests::message_of([&] { load("tuned"); }),
              HasSubstr("its changes are for the weights"));
}

TEST_F(TunedModel, AStoppedRunGoesOnAsIfItHadNot) {
  for (const json& changes :
       {json{{"lora_rank", 2}}, json{{"frozen", {"blocks.0.*"}}}, json{{"ema_decay", 0.7}}}) {
    const std::string name = changes.begin().key();
    LanguageModel whole = to_tune(changes);
    const auto expected = train(whole, name + "-whole");
    LanguageModel stopped = to_tune(changes);
    auto found = train(stopped, name, 3);
    LanguageModel resumed = to_tune(changes);
    for (const auto& point : train(resumed, name)) found.push_back(point);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].step, expected[i].step);
      EXPECT_EQ(found[i].loss, expected[i].loss) << "update " << found[i].step;
    }
    EXPECT_EQ(resumed.describe().at("weights_hash"), whole.describe().at("weights_hash"));
  }
}

TEST_F(TunedModel, TrainingOfAllWeightsBeginsAtTheModel) {
  LanguageModel further = to_tune({{"learning_rate", 0.0}});
  train(further, "further");
  EXPECT_THAT(tensors_in("further"), testing::Contains("tokens.weight"));
  LanguageModel loaded = load("further");
  LanguageModel base = load("base");
  EXPECT_EQ(answer(loaded), answer(base));  // a rate of 0 leaves it where it began
}

// After update 2 the average is 1/4 of the weights after update 1 and 3/4 of those after it.
TEST_F(TunedModel, TheAverageOfTheWeightsTakesTheirPlace) {
  const auto weights_after = [&](const std::string& name, std::uint64_t steps, double decay) {
    LanguageModel model =
        to_tune({{"max_steps", steps}, {"ema_decay", decay}, {"schedule", "constant"}});
    train(model, name);
    const auto file = formats::read_safetensors(read_saved_model("gpt", folder_ / name).weights);
    const auto& tokens = file.tensors.at("tokens.weight");
    std::vector<float> values(formats::element_count(tokens.shape));
    formats::copy_values(tokens, values);
    return values;
  };
  const auto first = weights_after("first", 1, 0);
  const auto second = weights_after("second", 2, 0);
  const auto average = weights_after("average", 2, 0.999);
  ASSERT_NE(first, second);
  for (std::size_t i = 0; i < average.size(); ++i)
    EXPECT_FLOAT_EQ(average[i], first[i] + 0.75F * (second[i] - first[i]));
  const auto short_memory = weights_after("short", 2, 0.1);
  for (std::size_t i = 0; i < average.size(); ++i)
    EXPECT_FLOAT_EQ(short_memory[i], first[i] + 0.9F * (second[i] - first[i]));
}

// The five texts have 40 characters together; each ends with the end symbol.
TEST_F(TunedModel, WhatIsGivenIsReadButNotLearned) {
  LanguageModel all = to_tune({{"max_steps", 1}, {"batch_tokens", 1000}});
  EXPECT_EQ(train(all, "all").back().tokens, 40U + 5U);
  LanguageModel answers = to_tune({{"max_steps", 1}, {"batch_tokens", 1000}});
  EXPECT_EQ(train(answers, "answers", 1000, 3).back().tokens, 40U + 5U - 5U * 3U);
}

TEST_F(TunedModel, WeightsOfAnotherShapeAreNamed) {
  const SavedModel saved = read_saved_model("gpt", folder_ / "base");
  LanguageModel wider(
      "gpt", saved.settings,
      decoder_architecture<models::Gpt>(
          complete(),
          models::GptOptions{.context = 16, .layers = 3, .width = 24, .heads = 3, .inner = 40}));
  EXPECT_THAT(tests::message_of([&] { wider.load(saved); }),
              testing::AllOf(HasSubstr("was written for another model; missing: "
                                       "blocks.2.attention_norm.weight"),
                             HasSubstr("of another shape: positions.weight [32, 24] where [16, 24] "
                                       "is needed")));
}

}  // namespace
}  // namespace trellis::nn

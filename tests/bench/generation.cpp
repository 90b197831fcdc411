/// Generation through the whole decode loop: model and strategies are the shipped plugins.
///
/// The models have the weights that they start training with: what they say is noise, but costs
/// what any text costs. Every sample runs to its 64 tokens unless noise ends it.
#include <map>

#include "core/decode/generate.hpp"
#include "experiments/environment.hpp"
#include "tests/abi/host.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/text.hpp"

namespace trellis::bench {
namespace {

using nlohmann::json;

constexpr std::size_t kNewTokens = 64;

const trellis_host& host() {
  static const trellis_host services = [] {
    trellis_host made = tests::quiet_host();
    made.threads = [](void*) -> std::int32_t { return experiments::processor_count(); };
    return made;
  }();
  return services;
}

plugin::Registry& registry() {
  static plugin::Registry plugins({tests::built_plugins()}, host());
  return plugins;
}

json complete(plugin::Kind kind, const std::string& id, const json& given) {
  return plugin::complete_settings(registry().get(kind, id).settings, given);
}

// One update at rate 0: it gets a vocabulary and its first weights.
plugin::Model make_model(const std::string& id) {
  const tests::TemporaryFolder folder;
  auto settings = json{{"vocab_size", 4096}, {"max_steps", 1}, {"warmup_steps", 1}};
  if (id == "rnn") settings.update({{"architecture", "language_model"}, {"layers", 2}});
  auto model = plugin::Model::create(registry(), id, complete(plugin::Kind::model, id, settings));
  std::vector<plugin::TrainingExample> examples;
  for (const auto& text : sentences(300'000, 4)) examples.push_back({"", text});
  model.train(examples, {}, folder.path(), 1, [](const json&) { return true; });
  return model;
}

decode::Arm make_arm(bool sampling) {
  const std::string id = sampling ? "sample" : "greedy";
  decode::Arm arm{plugin::Strategy::create(registry(), id,
                                           complete(plugin::Kind::strategy, id, json::object())),
                  {}};
  if (!sampling) return arm;
  for (const auto& [processor, value] : {std::pair("temperature", 0.8), std::pair("top_p", 0.95)}) {
    const auto settings = complete(plugin::Kind::logits_processor, processor, {{processor, value}});
    arm.processors.push_back(plugin::LogitsProcessor::create(registry(), processor, settings));
  }
  return arm;
}

void generate(benchmark::State& state, const std::string& id, bool sampling) {
  static std::map<std::string, plugin::Model> models;
  auto found = models.find(id);
  if (found == models.end()) found = models.emplace(id, make_model(id)).first;
  const auto arm = make_arm(sampling);
  const auto batch = static_cast<std::size_t>(state.range(0));
  std::vector<decode::Prompt> prompts(batch);
  const auto starts = sentences(100 * batch, 5);
  for (std::size_t i = 0; i < batch; ++i) {
    prompts[i].example = i;
    prompts[i].prefix = starts[i % starts.size()].substr(0, 24);
    prompts[i].max_new_tokens = kNewTokens;
  }
  const auto requests = decode::every_sample({&arm, 1}, prompts.size(), 1, 1);
  decode::GenerateOptions options;
  options.threads = static_cast<std::size_t>(experiments::processor_count());
  options.max_batch = batch;
  decode::GenerateEvents events;
  events.on_generation = [](const decode::Generation&) {};
  events.on_failure = [&](const decode::GenerateFailure& failure) {
    state.SkipWithError(failure.message.c_str());
  };
  double tokens = 0;
  double seconds = 0;
  for (auto _ : state) {
    const auto totals =
        decode::generate(found->second, {&arm, 1}, prompts, requests, options, events, now);
    tokens += static_cast<double>(totals.delivered_tokens);
    seconds += totals.seconds;
  }
  report_rate(state, "tokens/s", tokens, seconds);
}

void batches(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("batch")->Arg(1)->Arg(8)->Arg(64)->UseRealTime();
}

BENCHMARK_CAPTURE(generate, lstm_greedy, "rnn", false)
    ->Name("generate, LSTM 2x256, greedy")
    ->Apply(batches);
BENCHMARK_CAPTURE(generate, lstm_sampling, "rnn", true)
    ->Name("generate, LSTM 2x256, sampling")
    ->Apply(batches);
BENCHMARK_CAPTURE(generate, gpt_greedy, "gpt", false)
    ->Name("generate, GPT 4x256, greedy")
    ->Apply(batches);
BENCHMARK_CAPTURE(generate, gpt_sampling, "gpt", true)
    ->Name("generate, GPT 4x256, sampling")
    ->Apply(batches);

}  // namespace
}  // namespace trellis::bench

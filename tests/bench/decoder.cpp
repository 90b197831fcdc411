/// A decoder of 135 million parameters, of SmolLM2's shape, through the whole decode loop: what a
/// sweep costs, and how cost grows.
///
/// Weights are random, so what it says is noise; every sample runs to its last token.
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "core/decode/generate.hpp"
#include "experiments/environment.hpp"
#include "plugins/models/llama/llama.hpp"
#include "tests/abi/host.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/network_model.hpp"

namespace trellis::bench {
namespace {

using nlohmann::json;

constexpr std::size_t kVocab = 49152;
constexpr std::size_t kNewTokens = 64;

double bytes_without_model = 0;
double bytes_after_loading = 0;  // those of the model
std::uint64_t peak_state_bytes = 0;

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

plugin::Model& decoder() {
  static plugin::Model model = [] {
    bytes_without_model = resident_bytes();
    models::LlamaOptions options;
    options.vocab = kVocab;
    options.context = 2048;
    options.layers = 30;
    options.width = 576;
    options.heads = 9;
    options.kv_heads = 3;
    options.inner = 1536;
    auto made = make_network_model(std::make_unique<models::Llama>(options, 1), kVocab, 2048);
    bytes_after_loading = resident_bytes() - bytes_without_model;
    return made;
  }();
  return model;
}

plugin::Registry& registry() {
  static plugin::Registry plugins({tests::built_plugins()}, tests::quiet_host());
  return plugins;
}

json complete(plugin::Kind kind, const std::string& id, const json& given) {
  return plugin::complete_settings(registry().get(kind, id).settings, given);
}

decode::Arm make_arm(const std::string& strategy, const json& settings,
                     const std::vector<std::pair<std::string, double>>& processors) {
  decode::Arm arm{plugin::Strategy::create(registry(), strategy,
                                           complete(plugin::Kind::strategy, strategy, settings)),
                  {}};
  for (const auto& [id, value] : processors) {
    const auto main = registry().get(plugin::Kind::logits_processor, id).json.at("primary");
    arm.processors.push_back(plugin::LogitsProcessor::create(
        registry(), id,
        complete(plugin::Kind::logits_processor, id, {{main.get<std::string>(), value}})));
  }
  return arm;
}

// Eight ways to decode, as a person compares them.
std::vector<decode::Arm> standard_arms() {
  std::vector<decode::Arm> arms;
  arms.push_back(make_arm("greedy", json::object(), {}));
  for (const auto& [processor, value] :
       {std::pair("temperature", 0.7), std::pair("top_k", 50.0), std::pair("top_p", 0.9),
        std::pair("min_p", 0.1), std::pair("typical", 0.9)})
    arms.push_back(make_arm("sample", json::object(), {{processor, value}}));
  arms.push_back(make_arm("beam", {{"num_beams", 4}}, {}));
  arms.push_back(make_arm("sample", json::object(), {{"repetition_penalty", 1.2}}));
  return arms;
}

decode::Prompt make_prompt(std::size_t tokens, std::uint32_t seed) {
  std::mt19937 engine(seed);
  decode::Prompt prompt;
  prompt.example = seed;
  prompt.max_new_tokens = kNewTokens;
  for (std::size_t i = 0; i < tokens; ++i)
    prompt.prefix += std::to_string(static_cast<std::uint32_t>(engine()) % kVocab) + " ";
  return prompt;
}

// 16 to 256 tokens.
std::vector<decode::Prompt> standard_prompts() {
  std::vector<decode::Prompt> prompts;
  for (const std::size_t tokens : {16, 32, 48, 64, 96, 128, 192, 256})
    prompts.push_back(make_prompt(tokens, static_cast<std::uint32_t>(tokens)));
  return prompts;
}

decode::GenerateTotals run(benchmark::State& state, std::span<const decode::Arm> arms,
                           std::span<const decode::Prompt> prompts,
                           std::span<const decode::SampleRequest> requests, bool share,
                           std::size_t max_batch, decode::GenerateEvents events = {}) {
  decode::GenerateOptions options;
  options.threads = static_cast<std::size_t>(experiments::processor_count());
  options.max_batch = max_batch;
  options.share = share;
  events.on_generation = [](const decode::Generation&) {};
  events.on_failure = [&](const decode::GenerateFailure& failure) {
    state.SkipWithError(failure.message.c_str());
  };
  auto totals = decode::generate(decoder(), arms, prompts, requests, options, events, now);
  peak_state_bytes = std::max(peak_state_bytes, totals.peak_state_bytes.value_or(0));
  return totals;
}

void sweep(benchmark::State& state, bool share, bool coupled) {
  const auto arms = standard_arms();
  const auto prompts = standard_prompts();
  auto requests = decode::every_sample(arms, prompts.size(), 4, 1);
  if (!coupled)
    for (auto& request : requests) request.stream = request.arm + 1;
  decode::GenerateTotals totals;
  for (auto _ : state) totals = run(state, arms, prompts, requests, share, 256);
  const auto delivered = static_cast<double>(totals.delivered_tokens);
  report_rate(state, "tokens/s", delivered, totals.seconds);
  state.counters["tokens computed"] =
      static_cast<double>(totals.prompt_tokens + totals.computed_tokens);
  state.counters["tokens delivered"] = delivered;
}

BENCHMARK_CAPTURE(sweep, shared, true, true)
    ->Name("sweep of 8 arms, shared, common noise")
    ->Iterations(1)
    ->UseRealTime();
BENCHMARK_CAPTURE(sweep, independent, true, false)
    ->Name("sweep of 8 arms, shared, independent noise")
    ->Iterations(1)
    ->UseRealTime();
BENCHMARK_CAPTURE(sweep, alone, false, true)
    ->Name("sweep of 8 arms, not shared")
    ->Iterations(1)
    ->UseRealTime();

// The time that the model's feed takes, from now on.
double& time_feeds(plugin::Model& model) {
  static trellis_status (*feed)(trellis_model*, trellis_feed_item*, std::size_t, trellis_error*);
  static double seconds = 0;
  if (feed == nullptr) {
    feed = model.get()->feed;
    model.get()->feed = [](trellis_model* self, trellis_feed_item* items, std::size_t count,
                           trellis_error* error) {
      trellis_status status = TRELLIS_OK;
      seconds += seconds_of([&] { status = feed(self, items, count, error); });
      return status;
    };
  }
  seconds = 0;
  return seconds;
}

// Where the time of the sweep goes, in hundredths: in the model, in the scheduler, and in what is
// done for the samples of each arm (judging tokens, processors, strategy, moves).
void profile(benchmark::State& state) {
  const auto arms = standard_arms();
  const auto prompts = standard_prompts();
  const auto requests = decode::every_sample(arms, prompts.size(), 4, 1);
  double& feeding = time_feeds(decoder());
  std::vector<double> seconds(arms.size() + 1);  // the last: what is done for no arm
  std::size_t current = arms.size();
  double last = now();
  decode::GenerateEvents events;
  events.on_arm = [&](std::optional<std::size_t> arm) {
    const double time = now();
    seconds[current] += time - last;
    last = time;
    current = arm.value_or(arms.size());
  };
  decode::GenerateTotals totals;
  for (auto _ : state) {
    totals = run(state, arms, prompts, requests, true, 256, events);
    events.on_arm(std::nullopt);
  }
  const auto percent = [&](double part) { return 100 * part / totals.seconds; };
  state.counters["% model"] = percent(feeding);
  state.counters["% scheduler"] = percent(seconds.back() - feeding);
  double all = 0;
  const char* const names[] = {"greedy", "temperature", "top-k", "top-p",
                               "min-p",  "typical",     "beam",  "repetition penalty"};
  for (std::size_t arm = 0; arm < arms.size(); ++arm) {
    state.counters[std::string("% ") + names[arm]] = percent(seconds[arm]);
    all += seconds[arm];
  }
  state.counters["% scheduler and strategies"] = percent(all + seconds.back() - feeding);
}
BENCHMARK(profile)->Name("time of the sweep of 8 arms")->Iterations(1)->UseRealTime();

// Greedy samples of different prompts: nothing is shared.
void batch(benchmark::State& state) {
  const auto arm = make_arm("greedy", json::object(), {});
  std::vector<decode::Prompt> prompts;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(state.range(0)); ++i) {
    prompts.push_back(make_prompt(16, 1000 + i));
    prompts.back().max_new_tokens = 16;
  }
  const auto requests = decode::every_sample({&arm, 1}, prompts.size(), 1, 1);
  double tokens = 0;
  double seconds = 0;
  for (auto _ : state) {
    const auto totals = run(state, {&arm, 1}, prompts, requests, true, prompts.size());
    tokens += static_cast<double>(totals.delivered_tokens);
    seconds += totals.seconds;
  }
  report_rate(state, "tokens/s", tokens, seconds);
}
BENCHMARK(batch)
    ->Name("greedy from 16 tokens")
    ->ArgName("batch")
    ->RangeMultiplier(4)
    ->Range(1, 256)
    ->Iterations(1)
    ->UseRealTime();

// Sampling arms of ever other temperature on one prompt: what one more costs.
void arms(benchmark::State& state) {
  std::vector<decode::Arm> arms;
  for (std::int64_t i = 0; i < state.range(0); ++i)
    arms.push_back(make_arm("sample", json::object(),
                            {{"temperature", 0.05 + 0.01 * static_cast<double>(i)}}));
  const auto prompt = make_prompt(64, 9);
  const auto requests = decode::every_sample(arms, 1, 1, 1);
  decode::GenerateTotals totals;
  for (auto _ : state) totals = run(state, arms, {&prompt, 1}, requests, true, 256);
  state.counters["s"] = totals.seconds;
  state.counters["tokens computed"] =
      static_cast<double>(totals.prompt_tokens + totals.computed_tokens);
}
BENCHMARK(arms)
    ->Name("one prompt")
    ->ArgName("arms")
    ->RangeMultiplier(4)
    ->Range(1, 256)
    ->Iterations(1)
    ->UseRealTime();

void prompt_length(benchmark::State& state) {
  const auto arm = make_arm("greedy", json::object(), {});
  auto prompt = make_prompt(static_cast<std::size_t>(state.range(0)), 9);
  prompt.max_new_tokens = 1;
  const auto requests = decode::every_sample({&arm, 1}, 1, 1, 1);
  decode::GenerateTotals totals;
  for (auto _ : state) totals = run(state, {&arm, 1}, {&prompt, 1}, requests, true, 1);
  report_rate(state, "tokens/s", static_cast<double>(state.range(0)), totals.seconds);
}
BENCHMARK(prompt_length)
    ->Name("reading a prompt")
    ->ArgName("tokens")
    ->RangeMultiplier(4)
    ->Range(16, 1024)
    ->Iterations(1)
    ->UseRealTime();

// Of the whole process beyond what it takes without the model, last of all: after loading, and at
// its peak beside weights and states.
void memory(benchmark::State& state) {
  for (auto _ : state) decoder();
  const double weights = static_cast<double>(decoder().facts().parameters) * sizeof(float);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double peak = static_cast<double>(usage.ru_maxrss) * 1024 - bytes_without_model;
  state.counters["ratio of memory after loading to weights"] = bytes_after_loading / weights;
  state.counters["ratio of peak memory to weights and states"] =
      peak / (weights + static_cast<double>(peak_state_bytes));
}
BENCHMARK(memory)->Name("memory")->Iterations(1);

}  // namespace
}  // namespace trellis::bench

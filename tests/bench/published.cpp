/// A published model of Llama's kind, by the speed of its greedy generation: every GGUF file of the
/// folder that TRELLIS_BENCH_MODELS names, beside what other engines take for the same file.
///
/// Texts are of some twenty tokens and 32 new ones, none of which ends them. The line is what the
/// machine needs at least: in every step all weights are read once, or all products of them made.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/decode/generate.hpp"
#include "core/kernels/thread_pool.hpp"
#include "experiments/environment.hpp"
#include "tests/abi/host.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/python_reference.hpp"
#include "tests/bench/text.hpp"

namespace trellis::bench {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kNewTokens = 32;

std::size_t thread_count() {
  return static_cast<std::size_t>(experiments::processor_count());
}

plugin::Registry& registry() {
  static const trellis_host services = [] {
    trellis_host made = tests::quiet_host();
    made.threads = [](void*) -> std::int32_t { return experiments::processor_count(); };
    return made;
  }();
  static plugin::Registry plugins({tests::built_plugins()}, services);
  return plugins;
}

json complete(plugin::Kind kind, const std::string& id, const json& given) {
  return plugin::complete_settings(registry().get(kind, id).settings, given);
}

plugin::Model& model_of(const fs::path& path) {
  static std::map<fs::path, plugin::Model> models;
  auto found = models.find(path);
  if (found == models.end()) {
    models.clear();  // one at a time: what others hold in memory is not this one's
    const auto settings = complete(plugin::Kind::model, "llama", {{"weights", path.string()}});
    found = models.emplace(path, plugin::Model::create(registry(), "llama", settings)).first;
  }
  return found->second;
}

decode::Arm greedy() {
  const auto chosen = complete(plugin::Kind::strategy, "greedy", json::object());
  const auto length =
      complete(plugin::Kind::logits_processor, "min_new_tokens", {{"min_new_tokens", kNewTokens}});
  decode::Arm arm{plugin::Strategy::create(registry(), "greedy", chosen), {}};
  arm.processors.push_back(plugin::LogitsProcessor::create(registry(), "min_new_tokens", length));
  return arm;
}

std::vector<decode::Prompt> make_prompts(std::size_t count) {
  std::vector<decode::Prompt> prompts(count);
  const auto texts = sentences(200 * count, 6);
  for (std::size_t i = 0; i < count; ++i) {
    prompts[i].example = i;
    prompts[i].prefix = texts[i].substr(0, 40);
    prompts[i].max_new_tokens = kNewTokens;
  }
  return prompts;
}

// Seconds that another engine takes for the tokens of these prompts.
std::optional<double> reference_seconds(const std::string& engine, const fs::path& path,
                                        const json& prompts) {
  const tests::TemporaryFolder folder;
  const auto file = folder.path() / "prompts.json";
  std::ofstream(file) << prompts;
  return python_seconds("published_reference.py",
                        {engine, path.string(), file.string(), std::to_string(kNewTokens),
                         std::to_string(thread_count())});
}

void generate(benchmark::State& state, const fs::path& path) {
  plugin::Model& model = model_of(path);
  const auto arm = greedy();
  const auto batch = static_cast<std::size_t>(state.range(0));
  const auto prompts = make_prompts(batch);
  json tokens = json::array();
  double read = 0;
  for (const decode::Prompt& prompt : prompts) {
    tokens.push_back(model.encode_prompt("", prompt.prefix).decoder);
    read += static_cast<double>(tokens.back().size());
  }
  const auto requests = decode::every_sample({&arm, 1}, prompts.size(), 1, 1);
  decode::GenerateOptions options;
  options.threads = thread_count();
  options.max_batch = batch;
  decode::GenerateEvents events;
  events.on_generation = [](const decode::Generation&) {};
  events.on_failure = [&](const decode::GenerateFailure& failure) {
    state.SkipWithError(failure.message.c_str());
  };
  kernels::ThreadPool pool(options.threads);
  Machine machine(pool);
  double seconds = 0;
  double line = 0;
  std::map<std::string, double> others;
  for (auto _ : state) {
    seconds += decode::generate(model, {&arm, 1}, prompts, requests, options, events, now).seconds;
    const double flops = 2 * static_cast<double>(model.facts().parameters);
    const double step =
        std::max(static_cast<double>(fs::file_size(path)) * machine.seconds_per_byte(),
                 flops * static_cast<double>(batch) * machine.seconds_per_flop());
    line += static_cast<double>(kNewTokens) * step + flops * read * machine.seconds_per_flop();
    for (const char* engine : {"llama.cpp", "CTranslate2"}) {
      if (const auto other = reference_seconds(engine, path, tokens)) others[engine] += *other;
    }
  }
  const auto delivered = static_cast<double>(batch * kNewTokens * state.iterations());
  report_rate(state, "tokens/s", delivered, seconds);
  state.counters["share of the line"] = line / seconds;
  for (const auto& [engine, time] : others) {
    report_rate(state, "tokens/s (" + engine + ")", delivered, time);
    state.counters["ratio of tokens/s to " + engine] = time / seconds;
  }
}

void add_benchmarks(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".gguf") continue;
    const std::string name = "generate, " + entry.path().stem().string();
    benchmark::RegisterBenchmark(name.c_str(), generate, entry.path())
        ->ArgName("batch")
        ->Arg(1)
        ->Arg(8)
        ->Arg(32)
        ->Arg(128)
        ->Iterations(1)
        ->UseRealTime();
  }
}

const bool kAdded = [] {
  const char* folder = std::getenv("TRELLIS_BENCH_MODELS");
  if (folder != nullptr && fs::is_directory(folder)) add_benchmarks(folder);
  return true;
}();

}  // namespace
}  // namespace trellis::bench

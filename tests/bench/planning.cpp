/// A config that sweeps to 100,000 trials: reading it, planning it, putting the plan into a fresh
/// database.
#include <optional>

#include "experiments/plan.hpp"
#include "storage/store.hpp"
#include "tests/abi/host.hpp"
#include "tests/bench/measure.hpp"

namespace trellis::bench {
namespace {

constexpr std::size_t kTrials = 100'000;

// 100 * 1000 strategies.
const char* const kConfig = R"([experiment]
name = "sweep"
[[task]]
plugin = "continuation"
test = "test.txt"
[[model]]
plugin = "ngram"
[[strategy]]
plugin = "sample"
temperature = {from = 0.1, to = 10, count = 100}
top_k = {from = 1, to = 1000, step = 1}
)";

class Sweep {
 public:
  Sweep() {
    tests::write_file(folder_ / "sweep.toml", kConfig);
    tests::write_file(folder_ / "test.txt", "One line.\n");
    facts_.test = 100;
  }
  experiments::Config read() {
    return experiments::read_config(folder_ / "sweep.toml", {}, registry_,
                                    [](const std::string&) { return std::nullopt; });
  }
  experiments::Plan plan(const experiments::Config& config) {
    return experiments::make_plan(config, registry_, {facts_}, "models",
                                  [](const auto& path) { return path.string(); });
  }
  std::filesystem::path database() {
    return folder_ / ("sweep-" + std::to_string(databases_++) + ".db");
  }

 private:
  tests::TemporaryFolder folder_;
  plugin::Registry registry_{{tests::built_plugins()}, tests::quiet_host()};
  experiments::TaskFacts facts_;
  int databases_ = 0;
};

void read(benchmark::State& state) {
  Sweep sweep;
  for (auto _ : state) benchmark::DoNotOptimize(sweep.read());
}

void plan(benchmark::State& state) {
  Sweep sweep;
  const auto config = sweep.read();
  for (auto _ : state)
    if (sweep.plan(config).trials.size() != kTrials)
      state.SkipWithError("another number of trials");
}

void store(benchmark::State& state) {
  Sweep sweep;
  const auto planned = sweep.plan(sweep.read());
  std::vector<storage::ModelRecord> models;
  std::vector<storage::TrialRecord> trials;
  for (const auto& model : planned.models) models.push_back(model.record);
  for (const auto& trial : planned.trials) trials.push_back(trial.record);
  for (auto _ : state) {
    auto database = storage::Store::open(sweep.database());
    database.put_experiment(planned.experiment, models, planned.tasks, trials);
  }
}

BENCHMARK(read)->Name("read the sweep's config")->Unit(benchmark::kMillisecond);
BENCHMARK(plan)->Name("plan 100,000 trials")->Unit(benchmark::kMillisecond);
BENCHMARK(store)->Name("store 100,000 trials")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace trellis::bench

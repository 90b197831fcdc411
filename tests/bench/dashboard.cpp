/// What a person at the dashboard waits for: a large database to open, a frame to be drawn.
///
/// Frames are drawn without a window: the time is that of the program itself, from the input to the
/// list of triangles, and counts only while its thread is running.
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <thread>

#include "gui/offscreen.hpp"
#include "gui/snapshot_reader.hpp"
#include "gui/snapshot_worker.hpp"
#include "gui/view_models/rating_items.hpp"
#include "gui/view_models/sample_filter.hpp"
#include "reports/comparison.hpp"
#include "tests/bench/measure.hpp"

namespace trellis::bench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kTrials = 10;
constexpr int kSamples = 100'000;  // of each trial

void execute(const fs::path& path, const std::string& sql) {
  sqlite3* database = nullptr;
  const bool good = sqlite3_open(path.c_str(), &database) == SQLITE_OK &&
                    sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  const std::string problem = good ? "" : sqlite3_errmsg(database);
  sqlite3_close(database);
  if (!good) throw std::runtime_error(problem);
}

void remove_database(const fs::path& file) {
  std::error_code ignored;
  for (const auto* end : {"", "-wal", "-shm"}) fs::remove(file.string() + end, ignored);
}

/// Samples of ordinary sentences, with one metric each and no tokens.
void write_database(const fs::path& file, int trial_count, std::uint64_t samples) {
  {
    auto store = storage::Store::open(file);
    const storage::ModelRecord model{"model", "model", "rnn", "1.0", json::object(), "task", 1};
    const storage::TaskRecord task{
        "task", "task",         "translation",
        "1.0",  json::object(), {{{"name", "quality"}, {"higher_is_better", true}}},
        "data", samples};
    std::vector<storage::TrialRecord> trials;
    for (int i = 0; i < trial_count; ++i) {
      const auto name = fmt::format("trial{}", i);
      trials.push_back({name, "model", "task", name, "sample", json::object(), 1, samples});
    }
    store.put_experiment({"bench", "bench.toml", "", 1, json::object()}, {model}, {task}, trials);
    for (const auto& trial : trials) store.set_status(trial.id, storage::TrialStatus::done);
  }
  execute(file,
          fmt::format(
              "PRAGMA synchronous = OFF; BEGIN;"
              "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {0}) "
              "INSERT INTO examples (example, digest, example_id, source, prefix, "
              "reference_list) SELECT i + 1, CAST(printf('%016d', i) AS BLOB), 'test-' || i, "
              "'A sentence of ordinary length stands for what the model was asked, number ' "
              "|| i, '', '[\"A reference\"]' FROM n;"
              "INSERT INTO samples (trial, example_index, sample_index, example, output, "
              "finish, token_count) SELECT trial, example - 1, 0, example, 'What trial ' || "
              "trial || ' answered to the sentence of number ' || example, 'eos', 12 "
              "FROM trials, examples;"
              "INSERT INTO sample_metrics (sample, metric, value) SELECT sample, 'quality', "
              "(sample * 7919 % 1000) / 1000.0 FROM samples;"
              "INSERT INTO trial_metrics SELECT trial, 'quality', 0.5, 0.49, 0.51, {0} "
              "FROM trials; COMMIT; PRAGMA wal_checkpoint(TRUNCATE)",
              samples));
}

/// Removed at the end of the program.
const fs::path& large_database() {
  static const struct File {
    fs::path path = fs::temp_directory_path() / fmt::format("trellis-dashboard-{}.db", getpid());
    File() { write_database(path, kTrials, kSamples); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() { remove_database(path); }
  } file;
  return file.path;
}

/// From nothing to a leaderboard with the values that the run stored.
void open_database(benchmark::State& state) {
  const auto& path = large_database();
  for (auto _ : state) {
    const double begin = now();
    const gui::SnapshotWorker worker(path, {}, [] {});
    while (!worker.snapshot()->overview || !worker.snapshot()->comparison) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    state.SetIterationTime(now() - begin);
  }
}
BENCHMARK(open_database)
    ->Name("dashboard opens 1,000,000 samples")
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime()
    ->Iterations(1);

/// Seconds for which this process's threads have been running.
double running_of_process() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// What the threads that read cost while nobody writes and nothing is looked at: the window redraws
/// only when they publish.
void idle(benchmark::State& state) {
  const auto file =
      fs::temp_directory_path() / fmt::format("trellis-dashboard-{}-idle.db", getpid());
  write_database(file, 2, kSamples);
  {
    const gui::SnapshotWorker worker(file, {}, [] {});
    while (!worker.snapshot()->compared) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
    for (auto _ : state) {
      const double begin = now();
      const double begin_running = running_of_process();
      std::this_thread::sleep_for(std::chrono::seconds(2));
      state.counters["% of a core"] =
          100 * (running_of_process() - begin_running) / (now() - begin);
    }
  }
  remove_database(file);
}
BENCHMARK(idle)->Name("dashboard, nothing to do")->Iterations(1);

/// From a run's commit of one more sample until it is among those that are shown: two trials of
/// `shown` samples each. The commit comes at any moment between two looks.
void commit_appears(benchmark::State& state) {
  const auto shown = static_cast<std::uint64_t>(state.range(0));
  const auto file =
      fs::temp_directory_path() / fmt::format("trellis-dashboard-{}-commits.db", getpid());
  {
    write_database(file, 2, shown);
    gui::SnapshotWorker worker(file, {}, [] {});
    gui::Wish wish;
    wish.trials = {"trial0", "trial1"};
    wish.metric = "quality";
    worker.set_wish(wish);
    const auto rows = [&] {
      const auto order = worker.snapshot()->order;
      return order ? order->rows.size() : 0;
    };
    auto store = storage::Store::open(file);
    std::uint64_t next = shown;
    for (auto _ : state) {
      while (rows() != next) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::this_thread::sleep_for(std::chrono::milliseconds(1000 + 37 * (next % 7)));
      storage::SampleRecord sample;
      sample.example_index = next;
      sample.example_id = fmt::format("test-{}", next);
      sample.source = "One more sentence";
      sample.output = "What the run has just written";
      sample.finish = "eos";
      store.put_samples("trial0", {sample});
      const double begin = now();
      ++next;
      while (rows() != next) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      state.SetIterationTime(now() - begin);
    }
  }
  remove_database(file);
}
BENCHMARK(commit_appears)
    ->Name("dashboard, a commit appears beside samples")
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime()
    ->Iterations(1)
    ->Arg(1'000)
    ->Arg(kSamples);

/// Two trials of 100,000 samples side by side, all read.
const gui::Snapshot& large_snapshot() {
  static const gui::Snapshot snapshot = [] {
    gui::Snapshot made;
    auto reader = storage::Reader::open(large_database());
    made.database = "bench.db";
    made.overview = std::make_shared<const gui::Overview>(gui::read_overview(reader, ""));
    const auto samples = std::make_shared<const gui::PairedSamples>(
        gui::read_samples(reader, {"trial0", "trial1"}, nullptr, *made.overview, false));
    made.samples = samples;
    gui::Wish wish;
    wish.metric = "quality";
    made.order = std::make_shared<const gui::SampleOrder>(gui::order_of(samples, wish));
    made.annotations = std::make_shared<const gui::Annotations>();
    auto items = gui::rating_items(made.order, gui::RatingKind::pairs);
    items.annotations = made.annotations;
    made.rating = std::make_shared<const gui::RatingItems>(std::move(items));
    auto characters = std::make_shared<gui::CharacterSet>();
    gui::add_characters(*samples, *characters);
    made.characters = characters;
    return made;
  }();
  return snapshot;
}

/// A frame while somebody scrolls and steps through the rows.
void draw_frame(benchmark::State& state, const char* screen) {
  const auto& snapshot = large_snapshot();
  gui::Dashboard dashboard(
      gui::state_of(std::string("trellis:") + screen + "?trials=trial0+trial1&example=50000"), true,
      "bench");
  gui::Offscreen offscreen(dashboard, 1400, 880, 1);
  offscreen.move_mouse(700, 300);
  for (int i = 0; i < 3; ++i) offscreen.frame(snapshot);
  int frame = 0;
  double seconds = 0;
  for (auto _ : state) {
    offscreen.scroll(++frame % 7 == 0 ? 3.0F : -1.0F);
    if (frame % 5 == 0) offscreen.set_key(gui::key_of(ImGuiKey_DownArrow), frame % 10 == 0);
    const double begin = running();
    offscreen.frame(snapshot);
    seconds += running() - begin;
  }
  state.counters["ms a frame"] = 1000 * seconds / static_cast<double>(state.iterations());
}
BENCHMARK_CAPTURE(draw_frame, samples, "samples")->Name("dashboard, samples of 100,000 rows");
BENCHMARK_CAPTURE(draw_frame, rate, "rate")->Name("dashboard, rating 100,000 pairs");

/// From nothing to the first frame with the fonts in memory, without window and OpenGL.
void first_frame(benchmark::State& state) {
  double seconds = 0;
  for (auto _ : state) {
    const double begin = running();
    gui::Dashboard dashboard(gui::ViewState{});
    gui::Offscreen offscreen(dashboard, 1400, 880, 1);
    offscreen.frame({});
    seconds += running() - begin;
  }
  state.counters["ms"] = 1000 * seconds / static_cast<double>(state.iterations());
}
BENCHMARK(first_frame)->Name("dashboard, first frame");

}  // namespace
}  // namespace trellis::bench

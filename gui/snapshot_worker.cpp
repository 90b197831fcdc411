#include "gui/snapshot_worker.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/error.hpp"
#include "gui/snapshot_reader.hpp"
#include "gui/view_models/leaderboard.hpp"
#include "gui/view_models/sample_filter.hpp"

namespace trellis::gui {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto look_every = 250ms;
constexpr auto retry_every = 1000ms;

/// Which file a name leads to: another one after it was replaced.
struct FileIdentity {
  dev_t device = 0;
  ino_t number = 0;
  bool operator==(const FileIdentity&) const = default;
};

std::optional<FileIdentity> identity_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

/// The database, opened when it is there and opened again when another file took its place.
class Source {
 public:
  explicit Source(std::filesystem::path path) : path_(std::move(path)) {}

  /// Throws Error. True when everything must be read again.
  bool refresh() {
    const auto found = identity_of(path_);
    if (reader_ && found == identity_) {
      const auto version = reader_->data_version();
      return std::exchange(version_, version) != version;
    }
    reader_.reset();
    reader_ = storage::Reader::open(path_);
    identity_ = identity_of(path_);
    version_ = reader_->data_version();
    return true;
  }
  void close() { reader_.reset(); }
  storage::Reader& reader() { return *reader_; }

 private:
  std::filesystem::path path_;
  std::optional<storage::Reader> reader_;
  std::optional<FileIdentity> identity_;
  std::int64_t version_ = 0;
};

}  // namespace

/// What the reading thread has read, and what of it is out of date.
class SnapshotWorker::Reading {
 public:
  explicit Reading(SnapshotWorker& worker) : worker_(worker), source_(worker.database_) {}

  /// Looks for commits and reads the next part that is missing or out of date. False when there is
  /// nothing left to do.
  bool step(const Wish& wish) {
    // While commits follow one another, reading may take a tenth of the time.
    const auto now = Clock::now();
    if (now >= look_next_) {
      if (source_.refresh()) {
        overview_old_ = samples_old_ = tokens_old_ = true;
        const std::lock_guard lock(worker_.mutex_);
        ++worker_.commits_;
      }
      look_next_ = now + std::max<Clock::duration>(look_every, 10 * cost_);
      cost_ = {};
    }
    const bool did = read_next(wish, *worker_.snapshot());
    if (did) cost_ += Clock::now() - now;
    return did;
  }

  /// After a fault: open again, later.
  void close() {
    source_.close();
    look_next_ = {};
    overview_old_ = true;
  }

 private:
  bool read_next(const Wish& wish, const Snapshot& have) {
    if (overview_old_ || !have.overview ||
        (!wish.experiment.empty() && wish.experiment != have.overview->experiment.name &&
         wish.experiment != asked_experiment_)) {
      overview_old_ = false;
      asked_experiment_ = wish.experiment;
      read_part<Overview>([&] { return read_overview(source_.reader(), wish.experiment); },
                          &Snapshot::overview);
      worker_.publish_stored_values();
      return true;
    }
    const auto& trials = wish.trials;
    if (samples_old_ || !have.samples || have.samples->wanted != trials) {
      const auto before = samples_old_ ? nullptr : have.samples;
      samples_old_ = false;
      read_part<PairedSamples>([&] { return read_samples(source_.reader(), trials, before.get()); },
                               &Snapshot::samples);
      return true;
    }
    if (!is_current(have.order.get(), *have.samples, have.samples, wish)) {
      auto order = std::make_shared<const SampleOrder>(order_of(have.samples, wish));
      worker_.publish([&](Snapshot& snapshot) { snapshot.order = order; });
      return true;
    }
    if (wish.tokens && (tokens_old_ || !is_current(have.tokens.get(), wish))) {
      tokens_old_ = false;
      read_part<SampleTokens>(
          [&] {
            return read_tokens(source_.reader(), trials, wish.example_index, wish.sample_index);
          },
          &Snapshot::tokens);
      return true;
    }
    if (!wish.sql.empty() && (asked_ != wish.sql_asked || !have.sql || have.sql->sql != wish.sql)) {
      asked_ = wish.sql_asked;
      ask(wish);
      return true;
    }
    if (!wish.attention_of.empty() && !is_current(have.attention.get(), wish)) {
      attend(wish);
      return true;
    }
    return false;
  }

  static bool is_current(const SampleOrder* order, const PairedSamples&,
                         const std::shared_ptr<const PairedSamples>& samples, const Wish& wish) {
    return order != nullptr && order->samples == samples && order->filter == wish.filter &&
           order->metric == wish.metric && order->sort == wish.sort &&
           order->descending == wish.descending;
  }
  static bool is_current(const SampleTokens* tokens, const Wish& wish) {
    return tokens != nullptr && tokens->trials == wish.trials &&
           tokens->example_index == wish.example_index && tokens->sample_index == wish.sample_index;
  }
  static bool is_current(const Attention* attention, const Wish& wish) {
    return attention != nullptr && attention->trial == wish.attention_of &&
           attention->example_index == wish.example_index &&
           attention->sample_index == wish.sample_index;
  }

  template <typename Part, typename Read>
  void read_part(Read&& read, std::shared_ptr<const Part> Snapshot::*place) {
    auto part = std::make_shared<Part>(read());
    if constexpr (std::is_same_v<Part, Overview>) {
      part->seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    }
    auto characters = with_characters(*part);
    worker_.publish([&](Snapshot& snapshot) {
      snapshot.*place = std::move(part);
      snapshot.characters = std::move(characters);
      snapshot.problem.clear();
    });
  }

  /// The same set as before where nothing is new, so that fonts are not built again.
  template <typename Part>
  std::shared_ptr<const CharacterSet> with_characters(const Part& part) const {
    auto before = worker_.snapshot()->characters;
    auto characters = std::make_shared<CharacterSet>(before ? *before : CharacterSet());
    add_characters(part, *characters);
    return before && *characters == *before ? before : characters;
  }

  void ask(const Wish& wish) {
    {
      const std::lock_guard lock(worker_.mutex_);
      if (worker_.wish_.sql_asked != wish.sql_asked) return;
      worker_.asking_ = &source_.reader();
    }
    auto answer = std::make_shared<SqlAnswer>(read_sql(source_.reader(), wish.sql));
    {
      const std::lock_guard lock(worker_.mutex_);
      worker_.asking_ = nullptr;
    }
    auto characters = with_characters(*answer);
    worker_.publish([&](Snapshot& snapshot) {
      snapshot.sql = std::move(answer);
      snapshot.characters = std::move(characters);
    });
  }

  void attend(const Wish& wish) {
    const auto cancelled = [&] {
      const std::lock_guard lock(worker_.mutex_);
      return worker_.ending_ || worker_.wish_.attention_of != wish.attention_of ||
             worker_.wish_.example_index != wish.example_index ||
             worker_.wish_.sample_index != wish.sample_index;
    };
    auto attention = std::make_shared<Attention>(worker_.attention_(wish, cancelled));
    if (cancelled()) return;
    attention->trial = wish.attention_of;
    attention->example_index = wish.example_index;
    attention->sample_index = wish.sample_index;
    auto before = worker_.snapshot()->characters;
    auto characters = std::make_shared<CharacterSet>(before ? *before : CharacterSet());
    for (const auto& token : attention->tokens) add_characters(token, *characters);
    for (const auto& token : attention->source_tokens) add_characters(token, *characters);
    worker_.publish([&](Snapshot& snapshot) {
      snapshot.attention = attention;
      if (!before || *characters != *before) snapshot.characters = characters;
    });
  }

  SnapshotWorker& worker_;
  Source source_;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point look_next_{};
  Clock::duration cost_{};
  bool overview_old_ = true;
  bool samples_old_ = true;
  bool tokens_old_ = true;
  std::string asked_experiment_;
  std::uint64_t asked_ = 0;
};

SnapshotWorker::SnapshotWorker(std::filesystem::path database, AttentionSource attention,
                               std::function<void()> published)
    : database_(std::move(database)),
      attention_(std::move(attention)),
      published_(std::move(published)) {
  auto first = std::make_shared<Snapshot>();
  first->database = database_.string();
  first->reading = true;
  snapshot_ = first;
  reading_ = std::thread([this] { read_all(); });
  comparing_ = std::thread([this] { compare_all(); });
}

SnapshotWorker::~SnapshotWorker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    if (asking_ != nullptr) asking_->interrupt();
  }
  wake_.notify_all();
  reading_.join();
  comparing_.join();
}

std::shared_ptr<const Snapshot> SnapshotWorker::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void SnapshotWorker::set_wish(const Wish& wish) {
  {
    const std::lock_guard lock(mutex_);
    if (wish == wish_) return;
    if (asking_ != nullptr && (wish.sql != wish_.sql || wish.sql_asked != wish_.sql_asked)) {
      asking_->interrupt();
    }
    wish_ = wish;
    auto copy = std::make_shared<Snapshot>(*snapshot_);
    copy->reading = true;
    snapshot_ = std::move(copy);
  }
  wake_.notify_all();
}

void SnapshotWorker::publish(const std::function<void(Snapshot&)>& change) {
  {
    const std::lock_guard lock(mutex_);
    auto copy = std::make_shared<Snapshot>(*snapshot_);
    change(*copy);
    snapshot_ = std::move(copy);
  }
  published_();
}

void SnapshotWorker::publish_stored_values() {
  const auto have = snapshot();
  const auto& name = have->overview->experiment.name;
  if (have->comparison && have->comparison->experiment.name == name) return;
  auto stored = std::make_shared<const reports::Comparison>(stored_values(*have->overview));
  publish([&](Snapshot& snapshot) {
    snapshot.comparison = std::move(stored);
    snapshot.compared = false;
  });
}

void SnapshotWorker::tell_problem(const std::string& problem) {
  const auto have = snapshot();
  if (have->problem == problem && !have->reading) return;
  publish([&](Snapshot& snapshot) {
    snapshot.problem = problem;
    snapshot.reading = false;
  });
}

void SnapshotWorker::read_all() {
  Reading reading(*this);
  for (;;) {
    Wish wish;
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return;
      wish = wish_;
    }
    Clock::duration pause = look_every;
    try {
      if (reading.step(wish)) continue;
      bool told = false;
      {
        const std::lock_guard lock(mutex_);
        told = !snapshot_->reading || wish_ != wish;
      }
      if (!told) publish([](Snapshot& snapshot) { snapshot.reading = false; });
    } catch (const Error& error) {
      reading.close();
      tell_problem(error.what());
      pause = retry_every;
    } catch (const std::exception& error) {
      reading.close();
      tell_problem(database_.string() + ": " + error.what());
      pause = retry_every;
    }
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, pause, [&] { return ending_ || wish_ != wish; });
  }
}

void SnapshotWorker::compare_all() {
  std::optional<std::pair<std::string, std::string>> asked;  // experiment, baseline
  std::uint64_t seen = 0;
  Clock::duration cost{};
  for (;;) {
    std::pair<std::string, std::string> wanted;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, std::max<Clock::duration>(look_every, asked ? 4 * cost : 0ms),
                     [&] { return ending_; });
      if (ending_) return;
      if (!snapshot_->overview || snapshot_->overview->experiments.empty()) continue;
      wanted = {snapshot_->overview->experiment.name, wish_.baseline};
      if (asked == wanted && seen == commits_) continue;
      seen = commits_;
      asked = wanted;
    }
    const auto begin = Clock::now();
    try {
      auto reader = storage::Reader::open(database_);
      reports::CompareOptions options;
      options.experiment = wanted.first;
      options.baseline = wanted.second;
      auto comparison =
          std::make_shared<const reports::Comparison>(reports::compare(reader, options));
      publish([&](Snapshot& snapshot) {
        snapshot.comparison = std::move(comparison);
        snapshot.compared = true;
      });
    } catch (const std::exception&) {
      // The reading thread tells what is wrong with the database.
    }
    cost = Clock::now() - begin;
  }
}

}  // namespace trellis::gui

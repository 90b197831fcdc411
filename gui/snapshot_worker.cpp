#include "gui/snapshot_worker.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "gui/database_source.hpp"
#include "gui/run_control.hpp"
#include "gui/snapshot_reader.hpp"
#include "gui/view_models/leaderboard.hpp"
#include "gui/view_models/progress.hpp"
#include "gui/view_models/rating_items.hpp"
#include "gui/view_models/sample_filter.hpp"
#include "storage/writer_lock.hpp"

namespace trellis::gui {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto look_every = 250ms;
constexpr auto retry_every = 1000ms;

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
        overview_old_ = samples_old_ = tokens_old_ = annotations_old_ = true;
        const std::lock_guard lock(worker_.mutex_);
        ++worker_.commits_;
      }
      look_at_run();
      look_next_ = now + std::max<Clock::duration>(look_every, 10 * cost_);
      cost_ = {};
    }
    const bool did = read_next(wish, *worker_.snapshot());
    if (did) cost_ += Clock::now() - now;
    return did;
  }

  /// Somebody rated here since that was read.
  bool missed_a_rating() const { return worker_.annotations_.commits() != written_; }

  /// After a fault: open again, later.
  void close() {
    source_.close();
    look_next_ = {};
    overview_old_ = true;
  }

 private:
  void look_at_run() {
    constexpr std::size_t most_bytes = 16'384;
    RunState state{storage::lock_holder(worker_.database_),
                   end_of_file(log_of(worker_.database_), most_bytes)};
    if (const auto have = worker_.snapshot()->run; have && *have == state) return;
    worker_.publish([part = std::make_shared<const RunState>(std::move(state))](
                        Snapshot& snapshot) { snapshot.run = part; });
  }

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
    const auto written = worker_.annotations_.commits();
    if (annotations_old_ || !have.annotations || written != written_) {
      annotations_old_ = false;
      written_ = written;
      const auto experiment = have.overview->experiment.id;
      read_part<Annotations>([&] { return read_annotations(source_.reader(), experiment); },
                             &Snapshot::annotations);
      return true;
    }
    if (!is_current(have.order.get(), *have.samples, have.samples, wish)) {
      auto order = std::make_shared<const SampleOrder>(order_of(have.samples, wish));
      worker_.publish([&](Snapshot& snapshot) { snapshot.order = order; });
      return true;
    }
    if (wish.rating && rate(wish, have)) return true;
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
    if (wish.forms && compose(wish, have)) return true;
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
      part->samples_per_second =
          rate_.add(part->experiment.name, part->seconds, progress_of(*part).stored);
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
    const auto cancelled = [&] {
      const std::lock_guard lock(worker_.mutex_);
      return worker_.ending_ || worker_.wish_.sql != wish.sql ||
             worker_.wish_.sql_asked != wish.sql_asked;
    };
    auto answer = std::make_shared<SqlAnswer>(read_sql(source_.reader(), wish.sql, cancelled));
    auto characters = with_characters(*answer);
    worker_.publish([&](Snapshot& snapshot) {
      snapshot.sql = std::move(answer);
      snapshot.characters = std::move(characters);
    });
  }

  /// What is to be rated and what was said; false when both are current.
  bool rate(const Wish& wish, const Snapshot& have) {
    const auto* items = have.rating.get();
    const bool same_items =
        items != nullptr && items->order == have.order && items->kind == wish.rating_kind;
    if (!same_items || items->annotations != have.annotations || items->rater != wish.rater ||
        items->criterion != wish.criterion) {
      auto next = same_items ? *items : rating_items(have.order, wish.rating_kind);
      next.annotations = have.annotations;
      mark_rated(next, *have.annotations, wish.rater, wish.criterion);
      worker_.publish([part = std::make_shared<const RatingItems>(std::move(next))](
                          Snapshot& snapshot) { snapshot.rating = part; });
      return true;
    }
    const auto* results = have.rating_results.get();
    if (wish.results_task.empty() ||
        (results != nullptr && results->annotations == have.annotations &&
         results->task == wish.results_task && results->criterion == wish.criterion)) {
      return false;
    }
    auto next = std::make_shared<const RatingResults>(
        rating_results(*have.overview, have.annotations, wish.results_task, wish.criterion));
    worker_.publish([&](Snapshot& snapshot) { snapshot.rating_results = next; });
    return true;
  }

  /// What configs may hold, then the check of one; false when neither is missing.
  bool compose(const Wish& wish, const Snapshot& have) {
    const auto cancelled = [&] {
      const std::lock_guard lock(worker_.mutex_);
      return worker_.ending_ || worker_.wish_.draft_asked != wish.draft_asked;
    };
    if (!have.forms) {
      auto forms = std::make_shared<const ConfigForms>(worker_.commands_.forms(cancelled));
      worker_.publish([&](Snapshot& snapshot) { snapshot.forms = forms; });
      return true;
    }
    if (wish.draft_asked == checked_) return false;
    checked_ = wish.draft_asked;
    auto draft = std::make_shared<const CheckedDraft>(
        worker_.commands_.check(wish.draft, *have.forms, cancelled));
    worker_.publish([&](Snapshot& snapshot) { snapshot.draft = draft; });
    return true;
  }

  void attend(const Wish& wish) {
    const auto cancelled = [&] {
      const std::lock_guard lock(worker_.mutex_);
      return worker_.ending_ || worker_.wish_.attention_of != wish.attention_of ||
             worker_.wish_.example_index != wish.example_index ||
             worker_.wish_.sample_index != wish.sample_index;
    };
    auto attention = std::make_shared<Attention>(worker_.commands_.attention(wish, cancelled));
    if (cancelled()) return;
    attention->trial = wish.attention_of;
    attention->example_index = wish.example_index;
    attention->sample_index = wish.sample_index;
    auto before = worker_.snapshot()->characters;
    auto characters = std::make_shared<CharacterSet>(before ? *before : CharacterSet());
    for (const auto& token : attention->tokens) add_characters(token, *characters);
    for (const auto& token : attention->source_tokens) add_characters(token, *characters);
    for (const auto& choice : attention->choices) {
      for (const auto& token : choice.alternatives) add_characters(token.text, *characters);
    }
    worker_.publish([&](Snapshot& snapshot) {
      snapshot.attention = attention;
      if (!before || *characters != *before) snapshot.characters = characters;
    });
  }

  SnapshotWorker& worker_;
  DatabaseSource source_;
  const Clock::time_point began_ = Clock::now();
  SampleRate rate_;
  Clock::time_point look_next_{};
  Clock::duration cost_{};
  bool overview_old_ = true;
  bool samples_old_ = true;
  bool tokens_old_ = true;
  bool annotations_old_ = true;
  std::uint64_t written_ = 0;  // commits of the worker's own that were read
  std::string asked_experiment_;
  std::uint64_t asked_ = 0;
  std::uint64_t checked_ = 0;  // drafts
};

SnapshotWorker::SnapshotWorker(std::filesystem::path database, TrellisCommands commands,
                               std::function<void()> published)
    : database_(std::move(database)),
      commands_(std::move(commands)),
      published_(std::move(published)),
      annotations_(database_, [this] { tell_written(); }) {
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
    wish_ = wish;
    auto copy = std::make_shared<Snapshot>(*snapshot_);
    copy->reading = true;
    snapshot_ = std::move(copy);
  }
  wake_.notify_all();
}

void SnapshotWorker::annotate(Annotation annotation) {
  annotations_.put(std::move(annotation));
}

void SnapshotWorker::tell_written() {
  if (const auto problem = annotations_.problem(); problem != snapshot()->annotation_problem) {
    publish([&](Snapshot& snapshot) { snapshot.annotation_problem = problem; });
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
    bool failed = true;
    try {
      if (reading.step(wish)) continue;
      bool told = false;
      {
        const std::lock_guard lock(mutex_);
        told = !snapshot_->reading || wish_ != wish;
      }
      if (!told) publish([](Snapshot& snapshot) { snapshot.reading = false; });
      failed = false;
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
    wake_.wait_for(lock, pause, [&] {
      return ending_ || wish_ != wish || (!failed && reading.missed_a_rating());
    });
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

#include "gui/snapshot_reading.hpp"

#include <algorithm>
#include <utility>

#include "gui/run_control.hpp"
#include "gui/snapshot_reader.hpp"
#include "gui/view_models/rating_items.hpp"
#include "gui/view_models/sample_filter.hpp"
#include "storage/writer_lock.hpp"

namespace trellis::gui {
namespace {

bool is_current(const SampleOrder* order, const std::shared_ptr<const PairedSamples>& samples,
                const Wish& wish) {
  return order != nullptr && order->samples == samples && order->filter == wish.filter &&
         order->metric == wish.metric && order->sort == wish.sort &&
         order->descending == wish.descending;
}

bool is_current(const SampleTokens* tokens, const Wish& wish) {
  return tokens != nullptr && tokens->trials == wish.trials &&
         tokens->example_index == wish.example_index && tokens->sample_index == wish.sample_index;
}

bool is_current(const Attention* attention, const Wish& wish) {
  return attention != nullptr && attention->trial == wish.attention_of &&
         attention->example_index == wish.example_index &&
         attention->sample_index == wish.sample_index;
}

void add_characters(const Attention& attention, CharacterSet& characters) {
  for (const auto& token : attention.tokens) gui::add_characters(token, characters);
  for (const auto& token : attention.source_tokens) gui::add_characters(token, characters);
  for (const auto& token : attention.search) gui::add_characters(token.text, characters);
  for (const auto& choice : attention.choices) {
    for (const auto& token : choice.alternatives) gui::add_characters(token.text, characters);
  }
}

}  // namespace

bool SnapshotWorker::Reading::step(const Wish& wish) {
  const auto now = Clock::now();
  if (now >= look_next_) look(now);
  const bool did = read_next(wish, *worker_.snapshot());
  if (did) cost_ += Clock::now() - now;
  return did;
}

// While commits follow one another, reading takes a tenth of the time, and more, up to a quarter,
// only where they would have to wait for longer than a second.
void SnapshotWorker::Reading::look(Clock::time_point now) {
  using namespace std::chrono_literals;
  const auto change = source_.refresh();
  if (change != DatabaseSource::Change::none) {
    overview_old_ = samples_old_ = tokens_old_ = annotations_old_ = true;
    other_file_ = other_file_ || change == DatabaseSource::Change::other_file;
    const std::lock_guard lock(worker_.mutex_);
    ++worker_.commits_;
  }
  look_at_run();
  // What somebody wished to see is no burden that comes again.
  const auto cost = committed_ ? cost_ : Clock::duration();
  const auto longest = std::max<Clock::duration>(750ms, 3 * cost);
  look_next_ = now + std::clamp<Clock::duration>(10 * cost, look_every, longest);
  cost_ = {};
  committed_ = change == DatabaseSource::Change::commits;
}

void SnapshotWorker::Reading::close() {
  source_.close();
  look_next_ = {};
  overview_old_ = true;
}

void SnapshotWorker::Reading::look_at_run() {
  constexpr std::size_t most_bytes = 16'384;
  RunState state{storage::lock_holder(worker_.database_),
                 end_of_file(log_of(worker_.database_), most_bytes)};
  if (const auto have = worker_.snapshot()->run; have && *have == state) return;
  worker_.publish([part = std::make_shared<const RunState>(std::move(state))](Snapshot& snapshot) {
    snapshot.run = part;
  });
}

bool SnapshotWorker::Reading::read_next(const Wish& wish, const Snapshot& have) {
  if (read_stored(wish, have)) return true;
  if (wish.forms && compose(wish, have)) return true;
  if (wish.attention_of.empty() || is_current(have.attention.get(), wish)) return false;
  attend(wish);
  return true;
}

bool SnapshotWorker::Reading::read_stored(const Wish& wish, const Snapshot& have) {
  if (overview_old_ || !have.overview ||
      (!wish.experiment.empty() && wish.experiment != have.overview->experiment.name &&
       wish.experiment != asked_experiment_)) {
    read_overview_of(wish);
    return true;
  }
  if (samples_old_ || !have.samples || have.samples->wanted != wish.trials) {
    read_samples_of(wish, have);
    return true;
  }
  const auto written = worker_.annotations_.commits();
  if (annotations_old_ || !have.annotations || written != written_) {
    annotations_old_ = false;
    written_ = written;
    put(read_annotations(source_.reader(), have.overview->experiment.id), &Snapshot::annotations);
    return true;
  }
  if (!is_current(have.order.get(), have.samples, wish)) {
    auto order = std::make_shared<const SampleOrder>(order_of(have.samples, wish));
    worker_.publish([&](Snapshot& snapshot) { snapshot.order = order; });
    return true;
  }
  if (wish.rating && rate(wish, have)) return true;
  if (wish.tokens && (tokens_old_ || !is_current(have.tokens.get(), wish))) {
    tokens_old_ = false;
    put(read_tokens(source_.reader(), wish.trials, wish.example_index, wish.sample_index),
        &Snapshot::tokens);
    return true;
  }
  if (!wish.sql.empty() && (asked_ != wish.sql_asked || !have.sql || have.sql->sql != wish.sql)) {
    asked_ = wish.sql_asked;
    ask(wish);
    return true;
  }
  return false;
}

void SnapshotWorker::Reading::read_overview_of(const Wish& wish) {
  overview_old_ = false;
  asked_experiment_ = wish.experiment;
  auto overview = read_overview(source_.reader(), wish.experiment);
  overview.seconds = std::chrono::duration<double>(Clock::now() - began_).count();
  overview.samples_per_second =
      rate_.add(overview.experiment.name, overview.seconds, progress_of(overview).stored);
  put(std::move(overview), &Snapshot::overview);
  worker_.publish_stored_values();
}

void SnapshotWorker::Reading::read_samples_of(const Wish& wish, const Snapshot& have) {
  const bool committed = std::exchange(samples_old_, false);
  const auto before = std::exchange(other_file_, false) ? nullptr : have.samples;
  put(read_samples(source_.reader(), wish.trials, before.get(), *have.overview, committed),
      &Snapshot::samples);
}

template <typename Part>
void SnapshotWorker::Reading::put(Part part, std::shared_ptr<const Part> Snapshot::*place) {
  auto shared = std::make_shared<const Part>(std::move(part));
  auto characters = with_characters(*shared);
  worker_.publish([&](Snapshot& snapshot) {
    snapshot.*place = std::move(shared);
    snapshot.characters = std::move(characters);
    snapshot.problem.clear();
  });
}

/// The same set as before where nothing is new, so that fonts are not built again.
template <typename Part>
std::shared_ptr<const CharacterSet> SnapshotWorker::Reading::with_characters(
    const Part& part) const {
  auto before = worker_.snapshot()->characters;
  auto characters = std::make_shared<CharacterSet>(before ? *before : CharacterSet());
  add_characters(part, *characters);
  return before && *characters == *before ? before : characters;
}

void SnapshotWorker::Reading::ask(const Wish& wish) {
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

bool SnapshotWorker::Reading::rate(const Wish& wish, const Snapshot& have) {
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

bool SnapshotWorker::Reading::compose(const Wish& wish, const Snapshot& have) {
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

void SnapshotWorker::Reading::attend(const Wish& wish) {
  const auto cancelled = [&] {
    const std::lock_guard lock(worker_.mutex_);
    return worker_.ending_ || worker_.wish_.attention_of != wish.attention_of ||
           worker_.wish_.example_index != wish.example_index ||
           worker_.wish_.sample_index != wish.sample_index;
  };
  auto attention = worker_.commands_.attention(wish, cancelled);
  if (cancelled()) return;
  attention.trial = wish.attention_of;
  attention.example_index = wish.example_index;
  attention.sample_index = wish.sample_index;
  put(std::move(attention), &Snapshot::attention);
}

}  // namespace trellis::gui

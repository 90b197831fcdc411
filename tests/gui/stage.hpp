/// A small experiment in English, German and Chinese, and a dashboard over it without a window.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "gui/offscreen.hpp"
#include "gui/snapshot_reader.hpp"
#include "gui/view_models/rating_items.hpp"
#include "gui/view_models/sample_filter.hpp"
#include "reports/comparison.hpp"
#include "tests/unit/storage_fixture.hpp"

namespace trellis::testing {

inline storage::Token token(std::int32_t id, const std::string& text, double probability,
                            const std::string& other) {
  const auto alternatives =
      nlohmann::json::array({nlohmann::json::array({text, std::log(probability)}),
                             nlohmann::json::array({other, std::log((1 - probability) / 2)})});
  return {id, text, std::log(probability), 1 - probability, 1, alternatives};
}

struct Written {
  const char* source;
  const char* reference;
};
inline constexpr Written written_examples[] = {{"The cat sat on the mat.", "猫坐在垫子上。"},
                                               {"It rains.", "下雨了。"},
                                               {"Good morning 👋", "早上好 👋"},
                                               {"שלום, world", "你好，世界"},
                                               {"", "空"},
                                               {"two\nlines", "两行"}};

/// Trials gru-greedy, gru-beam, transformer-greedy, transformer-beam of one task; `quality` of
/// example i is a round number that differs from trial to trial.
inline void write_experiment(const std::filesystem::path& path) {
  auto store = storage::Store::open(path, fixed_clock());
  std::vector<storage::TrialRecord> trials;
  std::vector<storage::ModelRecord> models;
  for (const auto* model : {"gru", "transformer"}) {
    models.push_back(model_record(model));
    models.back().label = model;
    models.back().settings = {{"hidden", model == std::string("gru") ? 64 : 32}};
    for (const auto* strategy : {"greedy", "beam"}) {
      trials.push_back(trial_record(std::string(model) + "-" + strategy, model, strategy,
                                    std::size(written_examples)));
    }
  }
  store.put_experiment(experiment_record(), models, {task_record()}, trials);
  for (const auto* model : {"gru", "transformer"}) {
    const auto run = store.begin_training(model);
    std::vector<storage::TrainingPoint> points;
    for (std::uint64_t step = 1; step <= 40; ++step) {
      const double loss = (model == std::string("gru") ? 5.0 : 4.5) / std::sqrt(step);
      points.push_back({step * 10, "train", step * 1000, step * 0.5, loss, 0.001, 1.0});
      if (step % 10 == 0)
        points.push_back({step * 10, "valid", step * 1000, step * 0.5, loss + 0.3, {}, {}});
    }
    store.put_training_points(run, points);
    store.end_training(run, "done", 20);
    store.put_model_result(model, {1000, "hash", {{"tokenizer", "words"}}});
  }
  for (std::size_t t = 0; t < trials.size(); ++t) {
    std::vector<storage::SampleRecord> samples;
    for (std::size_t i = 0; i < std::size(written_examples); ++i) {
      const double quality = static_cast<double>((i * 3 + t * 2) % 7) / 8;
      auto sample = sample_record(i, quality, t % 2 == 0 ? "猫坐" : "猫坐在 mat 上");
      sample.source = written_examples[i].source;
      sample.references = {written_examples[i].reference};
      sample.tokens = {token(10, "猫", 0.5, "狗"), token(11, "坐", 0.25, "站")};
      if (t % 2 == 1) {
        sample.tokens.push_back(token(12, "在", 0.75, "\n"));
        sample.tokens.push_back(token(13, " mat", 0.125, "🧶"));
        sample.tokens.push_back(token(14, " 上", 0.9, "下"));
      }
      samples.push_back(std::move(sample));
    }
    store.put_samples(trials[t].id, samples);
    double sum = 0;
    for (const auto& sample : samples) sum += *sample.metrics.at("quality").value;
    const double mean = sum / static_cast<double>(samples.size());
    store.put_trial_metrics(trials[t].id,
                            {{"quality", mean, mean - 0.1, mean + 0.1, samples.size()}});
    store.put_trial_totals(trials[t].id, {60, 30, 90, 0.5});
    store.set_status(trials[t].id, storage::TrialStatus::done);
  }
}

/// A dashboard over a database, read in the same thread: what a person sees once all is read.
class Stage {
 public:
  Stage(const std::filesystem::path& path, const std::string& link, int width = 900,
        int height = 560, float scale = 1, bool dark = true)
      : reader_(storage::Reader::open(path)),
        writer_(path, fixed_clock()),
        dashboard_(link.empty() ? gui::ViewState() : gui::state_of(link), dark, "Ann"),
        screen_(dashboard_, width, height, scale) {
    dashboard_.name_items(&items_);
    snapshot_.database = "small.db";
    snapshot_.comparison =
        std::make_shared<const reports::Comparison>(reports::compare(reader_, {}));
    settle();
  }

  /// Frames and reading until nothing more is wished for.
  void settle() {
    for (int i = 0; i < 5; ++i) {
      screen_.frame(snapshot_);
      write();
      read(dashboard_.wish(snapshot_));
    }
    screen_.frame(snapshot_, &texts_);
  }

  void click(const std::string& name, bool ctrl = false) {
    ASSERT_TRUE(items_.contains(name)) << name << " is not on the screen:\n" << texts_;
    const auto box = items_[name];
    screen_.move_mouse((box.x + box.z) / 2, (box.y + box.w) / 2);
    screen_.set_modifiers(ctrl, false, false);
    screen_.frame(snapshot_);
    screen_.set_button(true);
    screen_.frame(snapshot_);
    screen_.set_button(false);
    screen_.frame(snapshot_);
    screen_.move_mouse(-1, -1);  // a tooltip would end the texts
    settle();
    screen_.set_modifiers(false, false, false);
  }

  void press(int key, bool ctrl = false) {
    screen_.set_modifiers(ctrl, false, false);
    screen_.set_key(key, true);
    screen_.frame(snapshot_);
    screen_.set_key(key, false);
    screen_.set_modifiers(false, false, false);
    settle();
  }

  void type(std::string_view text) {
    screen_.frame(snapshot_);
    screen_.type(text);
    settle();
  }

  gui::Offscreen& screen() { return screen_; }
  gui::Dashboard& dashboard() { return dashboard_; }
  const gui::ViewState& state() const { return dashboard_.state(); }
  gui::Snapshot& snapshot() { return snapshot_; }
  const std::string& texts() const { return texts_; }
  const gui::NamedItems& items() const { return items_; }
  storage::Reader& reader() { return reader_; }

 private:
  template <typename Part>
  void put(std::shared_ptr<const Part>& place, Part part) {
    auto characters = std::make_shared<gui::CharacterSet>(
        snapshot_.characters ? *snapshot_.characters : gui::CharacterSet());
    gui::add_characters(part, *characters);
    if (!snapshot_.characters || *characters != *snapshot_.characters) {
      snapshot_.characters = characters;
    }
    place = std::make_shared<const Part>(std::move(part));
  }

  void write() {
    for (const auto& annotation : dashboard_.take_annotations()) {
      if (const auto* rating = std::get_if<storage::Rating>(&annotation)) writer_.put(*rating);
      if (const auto* choice = std::get_if<storage::Preference>(&annotation)) writer_.put(*choice);
      if (const auto* change = std::get_if<gui::TagChange>(&annotation)) {
        change->add ? writer_.add(change->tag) : writer_.remove(change->tag);
      }
      snapshot_.annotations = nullptr;
    }
  }

  void rate(const gui::Wish& wish) {
    auto items = gui::rating_items(snapshot_.order, wish.rating_kind);
    gui::mark_rated(items, *snapshot_.annotations, wish.rater, wish.criterion);
    snapshot_.rating = std::make_shared<const gui::RatingItems>(std::move(items));
    if (wish.results_task.empty()) return;
    snapshot_.rating_results = std::make_shared<const gui::RatingResults>(gui::rating_results(
        *snapshot_.overview, snapshot_.annotations, wish.results_task, wish.criterion));
  }

  void read(const gui::Wish& wish) {
    if (!snapshot_.overview) put(snapshot_.overview, gui::read_overview(reader_, wish.experiment));
    if (!snapshot_.annotations) {
      put(snapshot_.annotations, gui::read_annotations(reader_, snapshot_.overview->experiment.id));
    }
    if (wish.baseline != last_.baseline) {
      reports::CompareOptions options;
      options.baseline = wish.baseline;
      snapshot_.comparison =
          std::make_shared<const reports::Comparison>(reports::compare(reader_, options));
    }
    if (!snapshot_.samples || snapshot_.samples->wanted != wish.trials) {
      put(snapshot_.samples,
          gui::read_samples(reader_, wish.trials, nullptr, *snapshot_.overview, false));
    }
    snapshot_.order =
        std::make_shared<const gui::SampleOrder>(gui::order_of(snapshot_.samples, wish));
    if (wish.rating) rate(wish);
    if (wish.tokens) {
      put(snapshot_.tokens,
          gui::read_tokens(reader_, wish.trials, wish.example_index, wish.sample_index));
    }
    if (!wish.sql.empty() && wish.sql_asked != last_.sql_asked)
      put(snapshot_.sql, gui::read_sql(reader_, wish.sql));
    last_ = wish;
  }

  storage::Reader reader_;
  storage::AnnotationWriter writer_;
  gui::Dashboard dashboard_;
  gui::Offscreen screen_;
  gui::NamedItems items_;
  gui::Snapshot snapshot_;
  gui::Wish last_;
  std::string texts_;
};

}  // namespace trellis::testing

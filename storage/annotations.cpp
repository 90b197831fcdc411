#include "storage/annotations.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "storage/reader_implementation.hpp"

namespace trellis::storage {
namespace {

constexpr std::array<std::string_view, 3> preferred_names{"first", "tie", "second"};

Preferred preferred_of(std::string_view name) {
  const auto* const found = std::find(preferred_names.begin(), preferred_names.end(), name);
  return static_cast<Preferred>(found - preferred_names.begin());
}

void require(bool good, const char* problem) {
  if (!good) throw Error(Fault::usage, problem);
}

void check_names(const std::string& rater, const std::string& criterion) {
  require(!rater.empty(), "rating: there is no rater; give a name");
  require(!criterion.empty(), "rating: there is no criterion; say what is rated");
}

}  // namespace

std::string_view to_string(Preferred preferred) {
  return preferred_names[static_cast<std::size_t>(preferred)];
}

Preference in_order(Preference preference) {
  if (preference.trials[1] < preference.trials[0]) {
    std::swap(preference.trials[0], preference.trials[1]);
    if (preference.preferred == Preferred::first) {
      preference.preferred = Preferred::second;
    } else if (preference.preferred == Preferred::second) {
      preference.preferred = Preferred::first;
    }
  }
  return preference;
}

struct AnnotationWriter::Implementation {
  Implementation(const std::filesystem::path& path, Clock time)
      : connection(path, Access::write), clock(std::move(time)) {}

  std::int64_t key(std::string_view sql, const std::string& name, const char* what) {
    auto query = connection.query(sql);
    if (query.text(name).step()) return query.integer_at(0);
    throw Error(Fault::usage, connection.path().string() + ": holds no " + what + " " + name);
  }
  std::int64_t trial_key(const std::string& trial) {
    return key("SELECT trial FROM trials WHERE id = ?", trial, "trial");
  }
  std::int64_t experiment_key(const std::string& name) {
    return key("SELECT experiment FROM experiments WHERE name = ?", name, "experiment");
  }

  Connection connection;
  Clock clock;
};

AnnotationWriter::AnnotationWriter(const std::filesystem::path& path, Clock clock) {
  Reader::open(path);  // Complains about a missing file, and brings an older one up to date.
  implementation_ = std::make_unique<Implementation>(path, std::move(clock));
}
AnnotationWriter::AnnotationWriter(AnnotationWriter&&) noexcept = default;
AnnotationWriter& AnnotationWriter::operator=(AnnotationWriter&&) noexcept = default;
AnnotationWriter::~AnnotationWriter() = default;

void AnnotationWriter::put(const Rating& rating) {
  check_names(rating.rater, rating.criterion);
  require(!rating.score || (*rating.score >= 1 && *rating.score <= best_score),
          "rating: a score must lie in 1 to 5");
  auto& connection = implementation_->connection;
  const auto time = implementation_->clock();
  connection.transaction([&] {
    const auto trial = implementation_->trial_key(rating.trial);
    auto query = connection.query(
        rating.score ? "INSERT OR REPLACE INTO ratings (rater, criterion, trial, example_index, "
                       "sample_index, score, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
                     : "DELETE FROM ratings WHERE rater = ? AND criterion = ? AND trial = ? AND "
                       "example_index = ? AND sample_index = ?");
    query.text(rating.rater).text(rating.criterion).integer(trial).count(rating.example_index);
    query.integer(rating.sample_index);
    if (rating.score) query.integer(*rating.score).text(time);
    query.run();
  });
}

void AnnotationWriter::put(const Preference& given) {
  const auto preference = in_order(given);
  check_names(preference.rater, preference.criterion);
  require(preference.trials[0] != preference.trials[1],
          "rating: a trial cannot be compared with itself");
  auto& connection = implementation_->connection;
  const auto time = implementation_->clock();
  const auto preferred = std::string(to_string(preference.preferred.value_or(Preferred::tie)));
  connection.transaction([&] {
    const auto first = implementation_->trial_key(preference.trials[0]);
    const auto second = implementation_->trial_key(preference.trials[1]);
    auto query = connection.query(
        preference.preferred
            ? "INSERT OR REPLACE INTO preferences (rater, criterion, first_trial, second_trial, "
              "example_index, sample_index, preferred, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            : "DELETE FROM preferences WHERE rater = ? AND criterion = ? AND first_trial = ? AND "
              "second_trial = ? AND example_index = ? AND sample_index = ?");
    query.text(preference.rater).text(preference.criterion).integer(first).integer(second);
    query.count(preference.example_index).integer(preference.sample_index);
    if (preference.preferred) query.text(preferred).text(time);
    query.run();
  });
}

void AnnotationWriter::add(const Tag& tag) {
  require(!tag.tag.empty(), "tag: there is none; write a word");
  auto& connection = implementation_->connection;
  connection.transaction([&] {
    const auto key = tag.trial.empty() ? implementation_->experiment_key(tag.experiment)
                                       : implementation_->trial_key(tag.trial);
    connection
        .query(tag.trial.empty()
                   ? "INSERT INTO experiment_tags VALUES (?, ?) ON CONFLICT DO NOTHING"
                   : "INSERT INTO trial_tags VALUES (?, ?) ON CONFLICT DO NOTHING")
        .integer(key)
        .text(tag.tag)
        .run();
  });
}

void AnnotationWriter::remove(const Tag& tag) {
  auto& connection = implementation_->connection;
  connection.transaction([&] {
    const auto key = tag.trial.empty() ? implementation_->experiment_key(tag.experiment)
                                       : implementation_->trial_key(tag.trial);
    connection
        .query(tag.trial.empty() ? "DELETE FROM experiment_tags WHERE experiment = ? AND tag = ?"
                                 : "DELETE FROM trial_tags WHERE trial = ? AND tag = ?")
        .integer(key)
        .text(tag.tag)
        .run();
  });
}

std::vector<Rating> Reader::ratings(std::int64_t experiment) {
  return rows_of(
      implementation_->connection,
      "SELECT rater, criterion, trials.id, example_index, sample_index, score FROM ratings "
      "JOIN trials ON trials.trial = ratings.trial WHERE ratings.trial IN "
      "(SELECT trial FROM experiment_trials WHERE experiment = ?) "
      "ORDER BY rater, criterion, trials.id, example_index, sample_index",
      [&](Query& query) { query.integer(experiment); },
      [](const Query& query) {
        return Rating{query.text_at(0),
                      query.text_at(1),
                      query.text_at(2),
                      query.count_at(3),
                      static_cast<std::uint32_t>(query.integer_at(4)),
                      static_cast<int>(query.integer_at(5))};
      });
}

std::vector<Preference> Reader::preferences(std::int64_t experiment) {
  return rows_of(
      implementation_->connection,
      "SELECT rater, criterion, first.id, second.id, example_index, sample_index, preferred "
      "FROM preferences JOIN trials AS first ON first.trial = first_trial "
      "JOIN trials AS second ON second.trial = second_trial "
      "WHERE first_trial IN (SELECT trial FROM experiment_trials WHERE experiment = ?1) AND "
      "second_trial IN (SELECT trial FROM experiment_trials WHERE experiment = ?1) "
      "ORDER BY rater, criterion, first.id, second.id, example_index, sample_index",
      [&](Query& query) { query.integer(experiment); },
      [](const Query& query) {
        return Preference{query.text_at(0),
                          query.text_at(1),
                          {query.text_at(2), query.text_at(3)},
                          query.count_at(4),
                          static_cast<std::uint32_t>(query.integer_at(5)),
                          preferred_of(query.text_at(6))};
      });
}

std::vector<Tag> Reader::tags() {
  return rows_of(
      implementation_->connection,
      "SELECT name, '', tag FROM experiment_tags JOIN experiments USING (experiment) UNION ALL "
      "SELECT '', id, tag FROM trial_tags JOIN trials USING (trial) ORDER BY 1, 2, 3",
      [](Query&) {},
      [](const Query& query) {
        return Tag{query.text_at(0), query.text_at(1), query.text_at(2)};
      });
}

}  // namespace trellis::storage

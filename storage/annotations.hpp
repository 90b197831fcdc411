/// What people add to a database: scores of outputs, choices between outputs, tags.
///
/// These tables are no run's, so they are written beside one that goes on: by a connection of their
/// own, without the writer's lock, in transactions of one row each. Read by Reader::ratings and its
/// siblings.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/store.hpp"

namespace trellis::storage {

/// Scores go from 1, the worst, to this.
inline constexpr int best_score = 5;

/// What a rater says of one sample by itself.
struct Rating {
  std::string rater;
  std::string criterion;  ///< what was asked about, as "overall" or "fluency"
  std::string trial;
  std::uint64_t example_index = 0;
  std::uint32_t sample_index = 0;
  std::optional<int> score;  ///< nothing: taken back

  bool operator==(const Rating&) const = default;
};

enum class Preferred { first, tie, second };
std::string_view to_string(Preferred preferred);

/// Which of two trials' samples of one example a rater found better. Stored with the lesser id
/// first, whichever way it was given.
struct Preference {
  std::string rater;
  std::string criterion;
  std::array<std::string, 2> trials;
  std::uint64_t example_index = 0;
  std::uint32_t sample_index = 0;
  std::optional<Preferred> preferred;  ///< nothing: taken back

  bool operator==(const Preference&) const = default;
};

/// The same choice with the lesser trial id first.
Preference in_order(Preference preference);

/// A word on an experiment or, where `trial` is given, on that trial in all experiments.
struct Tag {
  std::string experiment;  ///< its name
  std::string trial;       ///< empty: the experiment's own tag
  std::string tag;

  bool operator==(const Tag&) const = default;
};

/// One thread at a time.
class AnnotationWriter {
 public:
  /// Opens a database that is there, and brings an older schema up to date. Throws Error as Store
  /// does.
  explicit AnnotationWriter(const std::filesystem::path& path, Clock clock = now_utc);
  AnnotationWriter(AnnotationWriter&&) noexcept;
  AnnotationWriter& operator=(AnnotationWriter&&) noexcept;
  ~AnnotationWriter();

  // Each replaces what the same rater said of the same thing before. Throws Error(usage) for
  // unknown trials and experiments, empty names, and scores that are none.
  void put(const Rating& rating);
  void put(const Preference& preference);
  void add(const Tag& tag);
  void remove(const Tag& tag);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace trellis::storage

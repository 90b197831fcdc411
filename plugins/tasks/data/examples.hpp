/// The examples of a task: files of records, read on first use, checked, and given an id.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "trellis/abi/task.h"
#include "trellis/sdk/plugin.hpp"

namespace trellis::tasks {

using sdk::Json;

const char* split_name(trellis_split split);

/// One JSON object of a file, with its place for messages. Borrows the record.
class Record {
 public:
  Record(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  bool has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  /// Throws Failure(bad_data) "file:line:1: ..." when the key is missing or of another type.
  std::string text(const char* key) const;
  std::vector<std::string> texts(const char* key) const;
  /// A text, a number or nothing: ids are either.
  std::string id() const;
  const Json& json() const { return json_; }
  [[noreturn]] void fail(const std::string& why) const;

 private:
  const Json& json_;
  std::string place_;
};

/// Examples as trellis/abi/task.h has them; "id" may be missing.
using Convert = std::function<std::vector<Json>(const Record& record, trellis_split split)>;

/// Reads JSON Lines (.jsonl, .jsonl.gz) through `convert`. Throws Failure(bad_data).
std::vector<Json> read_json_lines(const std::string& path, trellis_split split,
                                  const Convert& convert);

/// Reads one text file of sentences and another of their references, line by line. Both must have
/// the same number of lines.
std::vector<Json> read_parallel(const std::string& sources, const std::string& references);

/// The splits of a task.
class Examples {
 public:
  using Read = std::function<std::vector<Json>(trellis_split split)>;
  /// `paths`: of train, valid and test; empty for none. `read` is called for those that are there.
  Examples(std::array<std::string, 3> paths, Read read)
      : paths_(std::move(paths)), read_(std::move(read)) {}

  std::uint64_t count(trellis_split split) { return load(split).size(); }
  const Json& example(trellis_split split, std::uint64_t index) { return load(split).at(index); }

 private:
  const std::vector<Json>& load(trellis_split split);

  std::array<std::string, 3> paths_;
  Read read_;
  std::map<trellis_split, std::vector<Json>> loaded_;
};

/// {"source", "references"} of a record in the common form: key `source`, and `references` (a list)
/// or `target` or `reference` (a text). Fields that are neither are kept in "fields".
Json common_example(const Record& record);

/// Copies all keys of the record but the `used` ones to the example's "fields".
void keep_fields(const Record& record, const std::set<std::string>& used, Json& example);

}  // namespace trellis::tasks

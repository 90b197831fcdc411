/// The database as readers need it: opened when it is there, and opened again when another file
/// took its place.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

#include "storage/queries.hpp"

namespace trellis::gui {

/// One thread at a time.
class DatabaseSource {
 public:
  explicit DatabaseSource(std::filesystem::path path) : path_(std::move(path)) {}

  enum class Change {
    none,
    commits,     ///< somebody has committed
    other_file,  ///< or it was closed in between: nothing that was read before can be relied on
  };
  /// Throws Error when it cannot be read.
  Change refresh();
  void close() { reader_.reset(); }
  /// After a refresh.
  storage::Reader& reader() { return *reader_; }

 private:
  /// Which file a name leads to: another one after it was replaced.
  struct FileIdentity {
    dev_t device = 0;
    ino_t number = 0;
    bool operator==(const FileIdentity&) const = default;
  };
  std::optional<FileIdentity> identity() const;

  std::filesystem::path path_;
  std::optional<storage::Reader> reader_;
  std::optional<FileIdentity> identity_;
  std::int64_t version_ = 0;
};

}  // namespace trellis::gui

#include "gui/database_source.hpp"

#include <sys/stat.h>

#include <utility>

namespace trellis::gui {

DatabaseSource::Change DatabaseSource::refresh() {
  if (reader_ && identity() == identity_) {
    const auto version = reader_->data_version();
    return std::exchange(version_, version) != version ? Change::commits : Change::none;
  }
  reader_.reset();
  reader_ = storage::Reader::open(path_);
  identity_ = identity();
  version_ = reader_->data_version();
  return Change::other_file;
}

std::optional<DatabaseSource::FileIdentity> DatabaseSource::identity() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

}  // namespace trellis::gui

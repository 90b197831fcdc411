/// The keys and values that attention has seen of one sequence, in pages that sequences share.
///
/// A page holds kPageRows consecutive rows of all layers. Copying a cache copies pointers to pages;
/// a page is copied once two caches write different rows to the same place of it (copy-on-write).
/// As long as they do not diverge, a copy that grows first writes to the shared page in place.
/// Memory is freed with the last cache that uses a page.
///
/// Layout of a page: for each layer and head, the keys as [key_size][kPageRows], so that the scores
/// of a page's rows are one vector, then the values as [kPageRows][value_size]. Rows that were not
/// written hold zeros or what another cache has written there.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/kernels/large_array.hpp"
#include "core/kernels/rows.hpp"

namespace trellis::kernels {

struct KvShape {
  std::size_t layers = 1;
  std::size_t heads = 1;       ///< of keys and values; queries may have a multiple of them
  std::size_t key_size = 1;    ///< floats of one head's key
  std::size_t value_size = 1;  ///< floats of one head's value

  std::size_t page_floats() const;
};

/// Belongs to one thread at a time, together with all its copies.
class KvCache {
 public:
  static constexpr std::size_t kPageRows = 16;

  explicit KvCache(const KvShape& shape) : shape_(shape) {}

  const KvShape& shape() const { return shape_; }
  std::size_t length() const { return length_; }

  /// Makes room for `count` more rows in every layer; they must then be written: those of a layer
  /// before it is read, and all before this cache is copied. Throws std::bad_alloc, and then
  /// nothing has changed.
  void extend(std::size_t count);

  /// Writes the rows that the last extend() made, from row `first` of all on. keys // [count,
  /// heads * key_size], values // [count, heads * value_size]
  void write(std::size_t layer, std::size_t first, ConstRows keys, ConstRows values);

  /// Lets go of whole pages before a row: attention with a band never looks at them again.
  void forget_before(std::size_t row);

  /// Where the keys of one layer and head begin in a page, at a multiple of 64 bytes; the values
  /// follow them. Valid until the next extend() of this cache.
  const float* head(std::size_t page, std::size_t layer, std::size_t head) const;
  std::size_t pages() const { return pages_.size(); }

  /// Bytes of the pages, those that are shared included.
  std::size_t bytes() const;

 private:
  struct Page {
    LargeArray data;
    std::size_t used = 0;  // rows that have an owner
  };

  std::size_t head_offset(std::size_t layer, std::size_t head) const;
  void own_last_page();

  KvShape shape_;
  std::size_t length_ = 0;
  std::vector<std::shared_ptr<Page>> pages_;  // null: forgotten
};

}  // namespace trellis::kernels

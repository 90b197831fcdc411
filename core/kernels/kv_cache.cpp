#include "core/kernels/kv_cache.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace trellis::kernels {

std::size_t KvShape::page_floats() const {
  return layers * heads * (key_size + value_size) * KvCache::kPageRows;
}

std::size_t KvCache::head_offset(std::size_t layer, std::size_t head) const {
  return (layer * shape_.heads + head) * (shape_.key_size + shape_.value_size) * kPageRows;
}

const float* KvCache::head(std::size_t page, std::size_t layer, std::size_t head) const {
  return pages_[page]->data.data() + head_offset(layer, head);
}

// Sees to it that the last page has no row of another cache after those of this one.
void KvCache::own_last_page() {
  const std::size_t own = length_ % kPageRows;
  Page& last = *pages_.back();
  if (last.used == own) return;
  if (pages_.back().use_count() > 1) {
    auto copy = std::make_shared<Page>();
    copy->data = LargeArray(shape_.page_floats());
    std::copy_n(last.data.data(), last.data.size(), copy->data.data());
    pages_.back() = std::move(copy);
  }
  pages_.back()->used = own;
}

void KvCache::extend(std::size_t count) {
  if (count == 0) return;
  const std::size_t pages = (length_ + count + kPageRows - 1) / kPageRows;
  std::vector<std::shared_ptr<Page>> added;
  for (std::size_t i = pages_.size(); i < pages; ++i) {
    added.push_back(std::make_shared<Page>());
    added.back()->data = LargeArray(shape_.page_floats());
    added.back()->used = kPageRows;
  }
  pages_.reserve(pages);
  if (length_ % kPageRows != 0) {
    own_last_page();
    pages_.back()->used = kPageRows;
  }
  std::move(added.begin(), added.end(), std::back_inserter(pages_));
  length_ += count;
  pages_.back()->used = (length_ - 1) % kPageRows + 1;
}

void KvCache::forget_before(std::size_t row) {
  const std::size_t end = std::min(row, length_) / kPageRows;
  for (std::size_t page = end; page > 0 && pages_[page - 1] != nullptr; --page)
    pages_[page - 1].reset();
}

std::size_t KvCache::bytes() const {
  const auto kept = std::ranges::count_if(pages_, [](const auto& page) { return page != nullptr; });
  return static_cast<std::size_t>(kept) * shape_.page_floats() * sizeof(float);
}

void KvCache::write(std::size_t layer, std::size_t first, ConstRows keys, ConstRows values) {
  const auto [layers, heads, key_size, value_size] = shape_;
  for (std::size_t r = 0; r < keys.count; ++r) {
    const std::size_t row = (first + r) % kPageRows;
    Page& page = *pages_[(first + r) / kPageRows];
    for (std::size_t h = 0; h < heads; ++h) {
      float* target = page.data.data() + head_offset(layer, h);
      const float* key = keys.row(r) + h * key_size;
      for (std::size_t i = 0; i < key_size; ++i) target[i * kPageRows + row] = key[i];
      std::copy_n(values.row(r) + h * value_size, value_size,
                  target + key_size * kPageRows + row * value_size);
    }
  }
}

}  // namespace trellis::kernels

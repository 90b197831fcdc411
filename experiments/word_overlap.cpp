#include "experiments/word_overlap.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <tuple>
#include <utility>

#include "core/text/words.hpp"

namespace trellis::experiments {
namespace {

constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15U;
constexpr std::size_t kBitsPerRun = 16;  // of the filter: one run in 16 that is none passes it
constexpr unsigned kWordBits = 64;
// Runs of so many test examples are common, where these are more than one in ten.
constexpr std::size_t kLeastCommon = 3;
constexpr std::size_t kCommonOneIn = 10;

}  // namespace

// Hash and first word of every n words in a row of words_, by a rolling polynomial modulo 2^64
// (Karp and Rabin 1987).
template <typename Visit>
void WordOverlap::for_each_run(Visit&& visit) const {
  if (words_.size() < n_) return;
  std::uint64_t hash = 0;
  std::uint64_t leaving_weight = 1;
  for (std::size_t i = 0; i < n_; ++i) {
    hash = hash * kBase + words_[i];
    if (i > 0) leaving_weight *= kBase;
  }
  visit(hash, std::size_t{0});
  for (std::size_t i = n_; i < words_.size(); ++i) {
    hash = (hash - words_[i - n_] * leaving_weight) * kBase + words_[i];
    visit(hash, i - n_ + 1);
  }
}

void WordOverlap::add(std::string id, std::string_view source, std::string_view target) {
  arranged_ = false;
  const std::size_t first = marks_.size();
  add_runs(source);
  add_runs(target);
  examples_.push_back({std::move(id), first, marks_.size() - first});
}

void WordOverlap::add_runs(std::string_view text) {
  words_.clear();
  text::append_word_hashes(text, words_);
  const std::size_t first = marks_.size();
  for_each_run([&](std::uint64_t hash, std::size_t place) {
    runs_.push_back({hash, first + place, examples_.size()});
  });
  marks_.resize(first + words_.size());
}

void WordOverlap::drop_common_runs() {
  auto kept = runs_.begin();
  for (auto begin = runs_.begin(); begin != runs_.end();) {
    std::size_t examples = 0;
    auto end = begin;
    for (; end != runs_.end() && end->hash == begin->hash; ++end) {
      if (end == begin || end->example != std::prev(end)->example) ++examples;
    }
    const bool common = examples >= kLeastCommon && examples * kCommonOneIn > examples_.size();
    if (!common) kept = std::move(begin, end, kept);
    begin = end;
  }
  runs_.erase(kept, runs_.end());
}

// The filter is small enough to stay in the processor's cache, and answers for nearly all runs.
void WordOverlap::arrange() {
  if (std::exchange(arranged_, true)) return;
  std::sort(runs_.begin(), runs_.end(), [](const Run& a, const Run& b) {
    return std::tie(a.hash, a.first_word) < std::tie(b.hash, b.first_word);
  });
  drop_common_runs();
  const std::size_t bits =
      std::bit_ceil(std::max<std::size_t>(runs_.size() * kBitsPerRun, kWordBits));
  filter_.assign(bits / kWordBits, 0);
  filter_shift_ = kWordBits - static_cast<unsigned>(std::countr_zero(bits));
  for (const auto& run : runs_) {
    const std::uint64_t bit = run.hash >> filter_shift_;
    filter_[bit / kWordBits] |= std::uint64_t{1} << (bit % kWordBits);
  }
}

std::uint64_t WordOverlap::comparable() {
  arrange();
  std::vector<bool> has_runs(examples_.size());
  for (const auto& run : runs_) has_runs[run.example] = true;
  return static_cast<std::uint64_t>(std::count(has_runs.begin(), has_runs.end(), true));
}

void WordOverlap::compare(std::string_view text) {
  arrange();
  if (runs_.empty()) return;
  words_.clear();
  text::append_word_hashes(text, words_);
  for_each_run([&](std::uint64_t hash, std::size_t) {
    const std::uint64_t bit = hash >> filter_shift_;
    if ((filter_[bit / kWordBits] >> (bit % kWordBits) & 1U) != 0) mark(hash);
  });
}

void WordOverlap::mark(std::uint64_t hash) {
  const auto less = [](const Run& run, std::uint64_t value) { return run.hash < value; };
  auto run = std::lower_bound(runs_.begin(), runs_.end(), hash, less);
  for (; run != runs_.end() && run->hash == hash; ++run) {
    const auto first = marks_.begin() + static_cast<std::ptrdiff_t>(run->first_word);
    std::fill(first, first + static_cast<std::ptrdiff_t>(n_), true);
  }
}

std::vector<SharedRun> WordOverlap::found() const {
  std::vector<SharedRun> all;
  for (const auto& example : examples_) {
    const auto first = marks_.begin() + static_cast<std::ptrdiff_t>(example.first_word);
    const auto marked = std::count(first, first + static_cast<std::ptrdiff_t>(example.words), true);
    if (marked == 0) continue;
    all.push_back({example.id, static_cast<double>(marked) / static_cast<double>(example.words)});
  }
  return all;
}

}  // namespace trellis::experiments

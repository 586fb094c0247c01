// What a transaction has touched in the cache, and how much of it others were told: see cache_pg.cpp.
//
// A counter is a generation and, in its lower bits, how many commits are pending that touch it.
#pragma once

#include "kernel/wall.hpp"

#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tenfold {

namespace cache_counter {

constexpr uint32_t count = 65536;
constexpr uint32_t everything = 0;  // every answer has this one
constexpr int pending_bits = 16;
constexpr uint64_t generation = uint64_t{1} << pending_bits;

constexpr bool is_pending(uint64_t value) {
  return (value & (generation - 1)) != 0;
}

}  // namespace cache_counter

// Each counter is raised at most once, and exactly those that were raised are ended: whatever order the
// server's callbacks come in.
class TouchedCounters {
 public:
  TouchedCounters() { numbers_.reserve(16); }

  // May throw bad_alloc, and then has touched nothing.
  void touch(uint32_t number) {
    if (seen_[number]) return;
    if (numbers_.capacity() < numbers_.size() + 2) numbers_.reserve(2 * numbers_.size() + 16);
    seen_.set(number);
    numbers_.push_back(number);
  }

  // Allocates nothing: touch() has left a place. For who is called by C frames.
  void touch_everything() noexcept {
    if (seen_[cache_counter::everything]) return;
    seen_.set(cache_counter::everything);
    numbers_.push_back(cache_counter::everything);
  }

  // Says that a commit of what was touched is under way; called again, of what was touched since.
  void raise(std::atomic<uint64_t>* counters) noexcept {
    for (; raised_ < numbers_.size(); raised_++) counters[numbers_[raised_]].fetch_add(1);
  }

  // The transaction has ended: what was raised has another generation, and is pending no more.
  void end(std::atomic<uint64_t>* counters) noexcept {
    for (size_t i = 0; i < raised_; i++) counters[numbers_[i]].fetch_add(cache_counter::generation - 1);
    for (const uint32_t number : numbers_) seen_.reset(number);
    numbers_.clear();
    raised_ = 0;
  }

  bool empty() const { return numbers_.empty(); }

 private:
  std::vector<uint32_t> numbers_;  // always with room for one more
  std::bitset<cache_counter::count> seen_;
  size_t raised_ = 0;
};

}  // namespace tenfold

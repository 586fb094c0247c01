// Buckets for any number of keys in a fixed amount of memory, without locks: a decision is one
// compare-and-swap.
//
// A set is a cache line of eight buckets; a key's hash names its set and, within it, its tag. A bucket is one
// word: tag (22 bits) and arrival time (42 bits, 7 years of ticks since the table was made), so that key and
// time cannot be torn apart. Two keys of one set share a bucket once in half a million; the hash is salted,
// so that nobody can look for such. When all eight buckets of a set are in use, a new key takes the one that
// is nearest to being full again: who loses it gets at most his own burst once more. That is counted.
#pragma once

#include "kernel/wall.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernel/gcra.hpp"

namespace tenfold {

class Limiter {
 public:
  struct Counts {
    int64_t buckets, in_use, allowed, refused, evicted;
  };

  // Bytes for at least this many buckets.
  static size_t size(int64_t buckets);
  // A table in memory of size(buckets) bytes, aligned to a cache line.
  static Limiter* make(void* memory, int64_t buckets, uint64_t salt, int64_t now);

  // now: ticks of the clock that make() was given.
  gcra::Decision take(uint64_t key, int64_t now, gcra::Limit limit, int64_t cost);

  Counts count(int64_t now) const;
  uint64_t salt() const { return salt_; }

 private:
  static constexpr int ways = 8;
  static constexpr int time_bits = 42;
  static constexpr uint64_t time_mask = (uint64_t{1} << time_bits) - 1;

  struct alignas(64) Set {
    std::atomic<uint64_t> buckets[ways];
  };
  struct Choice {
    int way;
    uint64_t word;  // as it was seen
    bool is_ours;
  };

  Limiter(int64_t sets, uint64_t salt, int64_t now) : sets_(sets), salt_(salt), epoch_(now) {}

  Set* sets() { return reinterpret_cast<Set*>(this + 1); }
  const Set* sets() const { return reinterpret_cast<const Set*>(this + 1); }
  static Choice choose(const Set& set, uint64_t tag);
  static void merge_twin(Set& set, int way, uint64_t tag, int64_t now);
  static void add_debt(std::atomic<uint64_t>& bucket, uint64_t tag, int64_t ticks);

  const int64_t sets_;  // a power of two
  const uint64_t salt_;
  const int64_t epoch_;  // ticks count from here
  alignas(64) std::atomic<int64_t> allowed_{0};
  alignas(64) std::atomic<int64_t> refused_{0};
  std::atomic<int64_t> evicted_{0};
};

static_assert(std::atomic<uint64_t>::is_always_lock_free, "the words lie in memory that processes share");

}  // namespace tenfold

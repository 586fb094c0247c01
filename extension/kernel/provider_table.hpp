// What all backends know of the providers: breaker, spacing, the calls of today that may still be made, and
// the changes that no committed transaction has written down yet. A fixed number of slots; when all are
// taken, a new provider gets the one that was not asked for the longest, of a closed breaker if there is one:
// its spacing starts anew, and what was left of its block of calls is lost, which the day's cap bears.
//
// Plain values, that the caller locks.
#pragma once

#include "kernel/wall.hpp"

#include <cstddef>
#include <cstdint>

#include "kernel/breaker.hpp"

namespace tenfold {

struct ProviderKey {
  uint32_t database, table;  // oids: a table that is made anew starts its numbers anew
  int32_t provider;

  bool operator==(const ProviderKey&) const = default;
};

// Changes of a breaker until they are rows. Who writes one claims it; the claim becomes final when his
// transaction commits, and void when it aborts.
class ChangeLog {
 public:
  static constexpr int most = 8;

  struct Entry {
    int64_t number = 0;  // 0: free
    bool claimed = false;
    int64_t at = 0;  // whatever clock the caller has
    Breaker::Change change{};
  };

  // With all places taken the oldest is lost, and counted. Numbers grow, and are never given twice: a claim
  // may outlive the log that it was of.
  void add(int64_t number, int64_t at, const Breaker::Change& change);
  // The oldest that nobody has claimed, now claimed; nullopt if there is none.
  std::optional<Entry> claim();
  void settle(int64_t number, bool written);

  int32_t unwritten() const;
  int64_t lost() const { return lost_; }

 private:
  Entry entries_[most];
  int64_t lost_ = 0;
};

// Calls that a committed transaction has reserved, and nobody has made.
class QuotaBlock {
 public:
  // Whether there were as many for this day.
  bool take(int32_t day, int32_t calls);
  // Days never go back: what was reserved for an earlier one is of no use.
  void add(int32_t day, int32_t calls);
  int32_t left(int32_t day) const { return day == day_ ? left_ : 0; }

 private:
  int32_t day_ = INT32_MIN;
  int32_t left_ = 0;
};

struct ProviderSlot {
  Breaker breaker;
  ChangeLog changes = {};
  QuotaBlock quota = {};
  int64_t spacing = 0;  // the arrival time of gcra.hpp
};

class ProviderTable {
 public:
  static size_t size(int slots);
  // In memory of size(slots) bytes; random: where permits' numbers start.
  static ProviderTable* make(void* memory, int slots, uint64_t random, int64_t now);

  ProviderSlot& find(const ProviderKey& key, int64_t now);
  // The number of another change, of whatever provider.
  int64_t next_change() { return ++last_change_; }
  // nullptr: nobody has asked for it yet.
  ProviderSlot* look(const ProviderKey& key);

 private:
  struct Entry {
    ProviderKey key{};
    bool taken = false;
    int64_t used_at = 0;
  };

  ProviderTable(int slots, uint64_t random) : slots_(slots), random_(random) {}

  Entry* entries() { return reinterpret_cast<Entry*>(this + 1); }
  ProviderSlot* slots() { return reinterpret_cast<ProviderSlot*>(entries() + slots_); }
  int find_index(const ProviderKey& key);
  int least_missed();
  int64_t first_permit() { return static_cast<int64_t>((random_ += 0x9E3779B97F4A7C15U) >> 24); }

  const int64_t slots_;
  uint64_t random_;
  int64_t last_change_ = 0;
};

}  // namespace tenfold

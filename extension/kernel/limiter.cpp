#include "kernel/limiter.hpp"

#include <bit>
#include <new>

namespace tenfold {

size_t Limiter::size(int64_t buckets) {
  const auto sets = std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(buckets, ways)) / ways);
  return sizeof(Limiter) + sets * sizeof(Set);
}

Limiter* Limiter::make(void* memory, int64_t buckets, uint64_t salt, int64_t now) {
  const auto sets = static_cast<int64_t>((size(buckets) - sizeof(Limiter)) / sizeof(Set));
  auto* limiter =
      new (memory) Limiter(sets, salt, now - 1);  // so that no time is 0, which is an empty bucket
  new (limiter->sets()) Set[static_cast<size_t>(sets)]();
  return limiter;
}

// The bucket of this tag, else the one that is empty or nearest to being full.
Limiter::Choice Limiter::choose(const Set& set, uint64_t tag) {
  Choice choice{-1, 0, false};
  for (int way = 0; way < ways; way++) {
    const uint64_t word = set.buckets[way].load(std::memory_order_relaxed);
    if (word != 0 && word >> time_bits == tag) return {way, word, true};
    if (choice.way < 0 || (word & time_mask) < (choice.word & time_mask)) choice = {way, word, false};
  }
  return choice;
}

gcra::Decision Limiter::take(uint64_t key, int64_t now, gcra::Limit limit, int64_t cost) {
  Set& set = sets()[key & static_cast<uint64_t>(sets_ - 1)];
  const uint64_t tag = key >> time_bits;
  now -= epoch_;
  for (;;) {
    Choice choice = choose(set, tag);
    const int64_t arrival = choice.is_ours ? static_cast<int64_t>(choice.word & time_mask) : 0;
    const gcra::Decision decision = gcra::decide(arrival, now, limit, cost);
    if (!decision.allowed) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return decision;
    }
    const uint64_t next = tag << time_bits | (static_cast<uint64_t>(decision.arrival) & time_mask);
    if (!set.buckets[choice.way].compare_exchange_weak(choice.word, next, std::memory_order_acq_rel))
      continue;
    allowed_.fetch_add(1, std::memory_order_relaxed);
    if (!choice.is_ours) {
      if (static_cast<int64_t>(choice.word & time_mask) > now)
        evicted_.fetch_add(1, std::memory_order_relaxed);
      merge_twin(set, choice.way, tag, now);
    }
    return decision;
  }
}

// Two that came for a new key at once may each have taken a bucket for it. A caller that sees both keeps the
// lower one, and adds what was taken from the other.
void Limiter::merge_twin(Set& set, int way, uint64_t tag, int64_t now) {
  for (int other = 0; other < ways; other++) {
    if (other == way) continue;
    const int low = std::min(way, other), high = std::max(way, other);
    uint64_t word = set.buckets[high].load();
    if (word == 0 || word >> time_bits != tag || set.buckets[low].load() >> time_bits != tag) continue;
    if (set.buckets[high].compare_exchange_strong(word, 0))
      add_debt(set.buckets[low], tag, static_cast<int64_t>(word & time_mask) - now);
  }
}

void Limiter::add_debt(std::atomic<uint64_t>& bucket, uint64_t tag, int64_t ticks) {
  uint64_t word = bucket.load();
  while (ticks > 0 && word >> time_bits == tag &&
         !bucket.compare_exchange_weak(word, word + static_cast<uint64_t>(ticks))) {
  }
}

Limiter::Counts Limiter::count(int64_t now) const {
  Counts counts{sets_ * ways, 0, allowed_.load(), refused_.load(), evicted_.load()};
  for (int64_t i = 0; i < sets_; i++)
    for (const auto& bucket : sets()[i].buckets)
      counts.in_use +=
          static_cast<int64_t>(bucket.load(std::memory_order_relaxed) & time_mask) > now - epoch_ ? 1 : 0;
  return counts;
}

}  // namespace tenfold

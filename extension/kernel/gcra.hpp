// A token bucket in one number: the generic cell rate algorithm (ITU-T I.371, Annex A; "leaky bucket as a
// meter").
//
// The number is the theoretical arrival time: when the bucket will be full again. Times are ticks of 50 µs on
// a monotonic clock.
#pragma once

#include "kernel/wall.hpp"

#include <algorithm>
#include <cstdint>

namespace tenfold::gcra {

constexpr int64_t ticks_per_second = 20000;

struct Limit {
  int64_t interval;  // ticks until one token is back, at least 1
  int64_t burst;     // tokens of a full bucket, at least 1

  constexpr int64_t depth() const { return interval * burst; }
};

// Rounded up, so that no more pass than was asked for: at most 20,000 a second.
constexpr Limit limit_of(double per_minute, int64_t burst) {
  const double ticks = 60.0 * ticks_per_second / per_minute;
  const auto whole = static_cast<int64_t>(ticks);
  return {std::max<int64_t>(whole + (static_cast<double>(whole) < ticks ? 1 : 0), 1), burst};
}

struct Decision {
  bool allowed;
  int64_t arrival;    // the next theoretical arrival time; that of before if refused
  int64_t remaining;  // tokens left
  int64_t wait;       // ticks until it would pass; 0 if allowed
  int64_t reset;      // ticks until the bucket is full
};

// Takes `cost` tokens at `now`. A cost above the burst is never allowed.
constexpr Decision decide(int64_t arrival, int64_t now, Limit limit, int64_t cost) {
  const int64_t begun = std::max(arrival, now);
  const int64_t next = begun + cost * limit.interval;
  const bool allowed = next - now <= limit.depth();
  const int64_t kept = allowed ? next : begun;
  // Below 0 where the burst was lowered since.
  return {allowed, kept, std::max<int64_t>((limit.depth() - (kept - now)) / limit.interval, 0),
          allowed ? 0 : next - now - limit.depth(), kept - now};
}

}  // namespace tenfold::gcra

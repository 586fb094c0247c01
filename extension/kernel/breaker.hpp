// Whether a provider may be called: a circuit breaker, as a state machine over plain values.
//
// Closed, everybody may call. It opens after some failures in a row, or when failures, or slow calls, are too
// large a share of the calls of the last seconds. Open, nobody may, for a time that grows with each opening
// and is jittered. Then it is half open: a few may try. A try is a lease: who does not report in time says
// nothing of the provider (his process may have died), and his place is given again. Some good tries close
// it, one bad try opens it.
//
// Times are microseconds of a clock that never goes back. Not safe for two threads: the caller locks.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <optional>

namespace tenfold {

// The calls of the last seconds, in a bucket a second.
class CallRing {
 public:
  static constexpr int seconds = 64;

  struct Sums {
    int32_t calls = 0, failures = 0, slow = 0;
  };

  void add(int64_t second, bool failed, bool slow);
  // Of this second and those before it, `window` of them, at most `seconds`.
  Sums sum(int64_t second, int32_t window) const;

 private:
  struct Bucket {
    int64_t second = -1;
    Sums sums;
  };
  Bucket buckets_[seconds];
};

class Breaker {
 public:
  static constexpr int most_probes = 8;

  enum class State : uint8_t { closed, open, half_open };
  // Neutral: what says nothing of the provider, such as a call that was never sent.
  enum class Outcome : uint8_t { success, failure, slow, neutral };
  enum class Reason : uint8_t { failures_in_a_row, failure_rate, slow_rate, probe_failed, probes_succeeded };

  struct Rules {
    int32_t failures_in_a_row;
    int32_t window;         // seconds
    int32_t minimum_calls;  // within the window, before a rate counts
    double failure_rate, slow_rate;
    int64_t open_for;  // the first time
    double open_factor;
    int64_t open_at_most;
    double jitter;   // 0.2: from 80 to 120 percent
    int32_t probes;  // at a time, at most most_probes
    int32_t successes_to_close;
    int64_t permit_life;
  };

  struct Permit {
    bool permitted;
    int64_t number;  // for the report; 0 if refused
    int64_t wait;    // until it is worth to ask again; 0 if permitted
  };

  // A trip or a close.
  struct Change {
    State to;
    Reason reason;
    CallRing::Sums sums;  // of the window that it ended
    int64_t open_for;     // 0 for a close
  };

  struct Status {
    State state;
    int64_t since;
    int64_t wait;  // of an open one, until a try may pass
    int32_t failures_in_a_row;
    int32_t openings;  // in a row
    int32_t probes;    // under way
    int32_t successes;
    CallRing::Sums sums;
  };

  // Permits are numbered from `first` (below 2^41) on: one of an earlier life must not be taken for ours.
  Breaker(int64_t now, int64_t first) : generation_(first), since_(now) {}

  Permit acquire(int64_t now, const Rules& rules);

  // random: evenly in [-1, 1]. A report on a permit from before the last change, or the second one on a try,
  // changes nothing.
  std::optional<Change> report(int64_t permit, Outcome outcome, int64_t now, const Rules& rules,
                               double random);

  Status status(int64_t now, const Rules& rules) const;
  bool is_closed() const { return state_ == State::closed; }

  // How long the opening of this number (from 1) lasts.
  static int64_t open_time(const Rules& rules, int32_t opening, double random);

 private:
  struct Lease {
    int64_t permit = 0;  // 0: free
    int64_t deadline = 0;
  };

  int64_t new_permit();
  Permit acquire_probe(int64_t now, const Rules& rules);
  std::optional<Change> report_probe(int64_t permit, Outcome outcome, int64_t now, const Rules& rules,
                                     double random);
  std::optional<Reason> reason_to_open(int64_t now, const Rules& rules) const;
  Change open(Reason reason, int64_t now, const Rules& rules, double random);
  Change close(int64_t now);
  void enter(State state, int64_t now);

  State state_ = State::closed;
  int32_t failures_in_a_row_ = 0;
  int32_t openings_ = 0;
  int32_t successes_ = 0;
  int64_t generation_;  // of changes
  int64_t permits_ = 0;
  int64_t since_;
  int64_t until_ = 0;      // open: when tries begin
  int64_t open_time_ = 0;  // of the last opening
  Lease leases_[most_probes];
  CallRing ring_;
};

}  // namespace tenfold

#include "kernel/breaker.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace tenfold {
namespace {

constexpr int64_t second = 1'000'000;
constexpr int sequence_bits = 21;
constexpr int64_t sequence_mask = (int64_t{1} << sequence_bits) - 1;

}  // namespace

void CallRing::add(int64_t at, bool failed, bool slow) {
  Bucket& bucket = buckets_[at % seconds];
  if (bucket.second != at) bucket = {at, {}};
  bucket.sums.calls++;
  bucket.sums.failures += failed ? 1 : 0;
  bucket.sums.slow += slow ? 1 : 0;
}

CallRing::Sums CallRing::sum(int64_t at, int32_t window) const {
  Sums sums;
  for (const Bucket& bucket : buckets_) {
    if (bucket.second < 0 || bucket.second > at || bucket.second <= at - window) continue;
    sums.calls += bucket.sums.calls;
    sums.failures += bucket.sums.failures;
    sums.slow += bucket.sums.slow;
  }
  return sums;
}

// The change that it was given after, and its own number since.
int64_t Breaker::new_permit() {
  return generation_ << sequence_bits | (++permits_ & sequence_mask);
}

Breaker::Permit Breaker::acquire(int64_t now, const Rules& rules) {
  if (state_ == State::closed) return {true, new_permit(), 0};
  if (state_ == State::open && now < until_) return {false, 0, until_ - now};
  if (state_ == State::open) enter(State::half_open, now);
  return acquire_probe(now, rules);
}

Breaker::Permit Breaker::acquire_probe(int64_t now, const Rules& rules) {
  int64_t wait = rules.open_for;
  for (int i = 0; i < std::min(rules.probes, most_probes); i++) {
    Lease& lease = leases_[i];
    if (lease.permit == 0 || lease.deadline <= now) {
      lease = {new_permit(), now + rules.permit_life};
      return {true, lease.permit, 0};
    }
    wait = std::min(wait, lease.deadline - now);
  }
  return {false, 0, wait};
}

std::optional<Breaker::Change> Breaker::report(int64_t permit, Outcome outcome, int64_t now,
                                               const Rules& rules, double random) {
  if (permit >> sequence_bits != generation_) return std::nullopt;
  if (state_ == State::half_open) return report_probe(permit, outcome, now, rules, random);
  if (state_ == State::open || outcome == Outcome::neutral) return std::nullopt;
  const bool failed = outcome == Outcome::failure;
  failures_in_a_row_ = failed ? failures_in_a_row_ + 1 : 0;
  ring_.add(now / second, failed, outcome == Outcome::slow);
  if (const auto reason = reason_to_open(now, rules)) return open(*reason, now, rules, random);
  return std::nullopt;
}

std::optional<Breaker::Change> Breaker::report_probe(int64_t permit, Outcome outcome, int64_t now,
                                                     const Rules& rules, double random) {
  Lease* lease = std::ranges::find(leases_, permit, &Lease::permit);
  if (lease == std::end(leases_)) return std::nullopt;
  *lease = {};
  if (outcome == Outcome::neutral) return std::nullopt;
  if (outcome != Outcome::success) return open(Reason::probe_failed, now, rules, random);
  if (++successes_ < rules.successes_to_close) return std::nullopt;
  return close(now);
}

std::optional<Breaker::Reason> Breaker::reason_to_open(int64_t now, const Rules& rules) const {
  if (failures_in_a_row_ >= rules.failures_in_a_row) return Reason::failures_in_a_row;
  const auto sums = ring_.sum(now / second, rules.window);
  if (sums.calls < rules.minimum_calls) return std::nullopt;
  if (sums.failures > 0 && sums.failures >= rules.failure_rate * sums.calls) return Reason::failure_rate;
  if (sums.slow > 0 && sums.slow >= rules.slow_rate * sums.calls) return Reason::slow_rate;
  return std::nullopt;
}

// One that was closed for less time than it had been open goes on growing: it flaps.
Breaker::Change Breaker::open(Reason reason, int64_t now, const Rules& rules, double random) {
  const bool again = state_ == State::half_open || now - since_ < open_time_;
  openings_ = again ? openings_ + 1 : 1;
  open_time_ = open_time(rules, openings_, random);
  until_ = now + open_time_;
  const Change change{State::open, reason, ring_.sum(now / second, rules.window), open_time_};
  enter(State::open, now);
  return change;
}

Breaker::Change Breaker::close(int64_t now) {
  enter(State::closed, now);
  return {State::closed, Reason::probes_succeeded, {}, 0};
}

void Breaker::enter(State state, int64_t now) {
  state_ = state;
  since_ = now;
  generation_++;
  permits_ = 0;
  failures_in_a_row_ = 0;
  successes_ = 0;
  std::ranges::fill(leases_, Lease{});
  ring_ = {};
}

int64_t Breaker::open_time(const Rules& rules, int32_t opening, double random) {
  const auto most = static_cast<double>(rules.open_at_most);
  const double grown = static_cast<double>(rules.open_for) * std::pow(rules.open_factor, opening - 1);
  return static_cast<int64_t>(std::min(std::min(grown, most) * (1 + rules.jitter * random), most));
}

Breaker::Status Breaker::status(int64_t now, const Rules& rules) const {
  const auto under_way = std::ranges::count_if(
      leases_, [&](const Lease& lease) { return lease.permit != 0 && lease.deadline > now; });
  return {state_,
          since_,
          state_ == State::open ? std::max<int64_t>(until_ - now, 0) : 0,
          failures_in_a_row_,
          openings_,
          static_cast<int32_t>(under_way),
          successes_,
          ring_.sum(now / second, rules.window)};
}

}  // namespace tenfold

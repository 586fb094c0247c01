#include "kernel/breaker.hpp"

#include "kernel/provider_pg.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <common/pg_prng.h>
#include <utils/timestamp.h>
}

namespace pg = tenfold::pg;
using tenfold::Breaker;
using tenfold::LockedProviders;
using tenfold::Provider;

namespace {

constexpr const char* state_names[] = {"closed", "open", "half_open"};
constexpr const char* outcome_names[] = {"success", "failure", "slow", "neutral"};
constexpr const char* reason_names[] = {"failures in a row", "failure rate", "slow rate", "a try failed",
                                        "tries succeeded"};

double seconds(int64_t microseconds) {
  return static_cast<double>(microseconds) / 1e6;
}

std::shared_ptr<const Provider> provider_of(const pg::Args& args) {
  return tenfold::provider_of(args.get<std::string_view>(0, "provider"));
}

// A successful call may have been slow.
Breaker::Outcome outcome_of(const Provider& provider, std::string_view name, std::optional<double> took) {
  for (int i = 0; i < 4; i++) {
    if (name != outcome_names[i]) continue;
    const auto outcome = static_cast<Breaker::Outcome>(i);
    const bool is_slow = took.value_or(0) * 1e6 >= static_cast<double>(provider.slow_after);
    return outcome == Breaker::Outcome::success && is_slow ? Breaker::Outcome::slow : outcome;
  }
  throw tenfold::Failure{{tenfold::Code::invalid_parameter, "unknown outcome \"" + std::string(name) + "\"",
                          "It is success, failure, slow or neutral."}};
}

Datum permit_row(const pg::Args& args, const Breaker::Permit& permit) {
  const std::optional<int64_t> number =
      permit.permitted ? std::optional<int64_t>(permit.number) : std::nullopt;
  const NullableDatum columns[] = {pg::nullable(permit.permitted), pg::nullable(number),
                                   pg::nullable(seconds(permit.wait))};
  return pg::row_datum(args.info(), columns);
}

// A permit of all three: breaker, spacing, and the calls of the day as far as they lie in memory.
struct CallPermit {
  int64_t number = 0;
  const char* refused = nullptr;
  int64_t wait = 0;
  bool wants_block = false;
};

CallPermit take_call_permit(const Provider& provider, int32_t day) {
  LockedProviders locked;
  const int64_t now = tenfold::monotonic_now();
  auto& slot = locked.slot(provider, now);
  const auto permit = slot.breaker.acquire(now, provider.rules);
  if (!permit.permitted) return {0, "open", permit.wait};
  if (provider.spacing) {
    constexpr int64_t tick = 1'000'000 / tenfold::gcra::ticks_per_second;
    const auto decision = tenfold::gcra::decide(slot.spacing, now / tick, *provider.spacing, 1);
    slot.spacing = decision.arrival;
    if (!decision.allowed) {
      slot.breaker.report(permit.number, Breaker::Outcome::neutral, now, provider.rules, 0);
      return {0, "spacing", decision.wait * tick};
    }
  }
  const bool has_call =
      !provider.has_quota || tenfold::take_own_quota(provider.key, day, 1) || slot.quota.take(day, 1);
  return {permit.number, nullptr, 0, !has_call};
}

}  // namespace

TF_FUNCTION(tf_breaker_acquire) {
  const auto held = provider_of(args);
  const Provider& provider = *held;
  Breaker::Permit permit{};
  {
    LockedProviders locked;
    const int64_t now = tenfold::monotonic_now();
    permit = locked.slot(provider, now).breaker.acquire(now, provider.rules);
  }
  return permit_row(args, permit);
}

// What the breaker became by it: open, closed, or NULL where nothing changed.
TF_FUNCTION(tf_breaker_report) {
  const auto held = provider_of(args);
  const Provider& provider = *held;
  const auto permit = args.get<int64_t>(1, "permit");
  const auto outcome = outcome_of(provider, args.get<std::string_view>(2, "outcome"), args.maybe<double>(3));
  const double random = 2 * pg_prng_double(&pg_global_prng_state) - 1;
  const int64_t at = GetCurrentTimestamp();
  std::optional<Breaker::Change> change;
  {
    LockedProviders locked;
    const int64_t now = tenfold::monotonic_now();
    auto& slot = locked.slot(provider, now);
    change = slot.breaker.report(permit, outcome, now, provider.rules, random);
    if (change) slot.changes.add(locked.next_change(), at, *change);
  }
  return change ? pg::datum(state_names[static_cast<int>(change->to)]) : args.null();
}

// The changes that are not yet written, for the caller to write: they are his until his transaction ends.
TF_FUNCTION(tf_breaker_claim_changes) {
  const auto held = provider_of(args);
  const Provider& provider = *held;
  pg::Rows rows(args.info());
  for (;;) {
    std::optional<tenfold::ChangeLog::Entry> entry;
    {
      LockedProviders locked;
      if (auto* slot = locked.look(provider.key)) entry = slot->changes.claim();
    }
    if (!entry) return 0;
    tenfold::settle_change_at_end(provider.key, entry->number);
    const Breaker::Change& change = entry->change;
    const auto open_for = change.open_for > 0 ? std::optional(seconds(change.open_for)) : std::nullopt;
    rows.add(entry->at, state_names[static_cast<int>(change.to)],
             reason_names[static_cast<int>(change.reason)], change.sums.calls, change.sums.failures,
             change.sums.slow, open_for);
  }
}

TF_FUNCTION(tf_breaker_status) {
  const auto held = provider_of(args);
  const Provider& provider = *held;
  Breaker::Status status{};
  int32_t unwritten = 0;
  int64_t lost = 0, now = 0;
  bool known = false;
  {
    LockedProviders locked;
    now = tenfold::monotonic_now();
    if (const auto* slot = locked.look(provider.key)) {
      status = slot->breaker.status(now, provider.rules);
      unwritten = slot->changes.unwritten();
      lost = slot->changes.lost();
      known = true;
    }
  }
  const auto since =
      known ? std::optional<int64_t>(GetCurrentTimestamp() - (now - status.since)) : std::nullopt;
  const NullableDatum columns[] = {
      pg::nullable(std::string_view(state_names[static_cast<int>(status.state)])),
      pg::nullable(since),
      pg::nullable(seconds(status.wait)),
      pg::nullable(status.failures_in_a_row),
      pg::nullable(status.openings),
      pg::nullable(status.probes),
      pg::nullable(status.sums.calls),
      pg::nullable(status.sums.failures),
      pg::nullable(status.sums.slow),
      pg::nullable(unwritten),
      pg::nullable(lost)};
  return pg::row_datum(args.info(), columns);
}

TF_FUNCTION(tf_call_permit) {
  const auto held = provider_of(args);
  const Provider& provider = *held;
  const CallPermit permit = take_call_permit(provider, args.get<int32_t>(1, "day"));
  const auto number = permit.refused == nullptr ? std::optional<int64_t>(permit.number) : std::nullopt;
  const auto reason =
      permit.refused == nullptr ? std::nullopt : std::optional<std::string_view>(permit.refused);
  const NullableDatum columns[] = {pg::nullable(permit.refused == nullptr), pg::nullable(number),
                                   pg::nullable(reason), pg::nullable(seconds(permit.wait)),
                                   pg::nullable(permit.wants_block)};
  return pg::row_datum(args.info(), columns);
}

#include "kernel/provider_pg.hpp"

#include <ctime>
#include <map>

#include "pg/module.hpp"
#include "pg/settings.hpp"
#include "pg/shmem.hpp"
#include "pg/spi.hpp"
#include "pg/table_copy.hpp"

extern "C" {
#include <port.h>
#include <storage/lwlock.h>
}

namespace tenfold {
namespace {

// The lock, and behind it the table.
struct Area {
  LWLock lock;

  ProviderTable* table() { return reinterpret_cast<ProviderTable*>(this + 1); }
};

void make_area(void* memory) {
  auto* shared = static_cast<Area*>(memory);
  const int tranche = LWLockNewTrancheId();
  LWLockRegisterTranche(tranche, "tenfold_providers");
  LWLockInitialize(&shared->lock, tranche);
  uint64_t random = 0;
  if (!pg_strong_random(&random, sizeof random)) elog(ERROR, "no random numbers for the permits");
  ProviderTable::make(shared->table(), pg::settings.provider_slots, random, monotonic_now());
}

pg::SharedArea area(
    "tenfold providers", [] { return sizeof(Area) + ProviderTable::size(pg::settings.provider_slots); },
    make_area);

using Providers = std::map<std::string, Provider, std::less<>>;

int64_t microseconds(std::optional<double> seconds) {
  return static_cast<int64_t>(seconds.value_or(0) * 1e6);
}

Provider provider_from(const pg::spi::Row& row) {
  const auto number = [&](int column) { return row.get<int32_t>(column).value_or(0); };
  const auto real = [&](int column) { return row.get<double>(column).value_or(0); };
  Provider provider;
  provider.name = row.get<std::string_view>(0).value_or("");
  provider.key = {MyDatabaseId, static_cast<Oid>(row.get<int64_t>(1).value_or(0)), number(2)};
  provider.rules = {number(3),  number(4),
                    number(5),  real(6),
                    real(7),    microseconds(row.get<double>(8)),
                    real(9),    microseconds(row.get<double>(10)),
                    real(11),   number(12),
                    number(13), microseconds(row.get<double>(14))};
  provider.slow_after = microseconds(row.get<double>(15));
  if (const auto per_minute = row.get<double>(16)) provider.spacing = gcra::limit_of(*per_minute, number(17));
  provider.has_quota = row.get<bool>(18).value_or(false);
  return provider;
}

void read_providers(Providers& providers) {
  static pg::spi::Query query(
      "SELECT p.name, p.tableoid::bigint, p.provider_id, p.failures_in_a_row, extract(epoch FROM "
      "p.rate_window)::int, "
      "p.minimum_calls, p.failure_rate, p.slow_rate, extract(epoch FROM p.open_for)::float8, p.open_factor, "
      "extract(epoch FROM p.open_at_most)::float8, p.open_jitter, p.probes, p.successes_to_close, "
      "extract(epoch FROM p.permit_life)::float8, extract(epoch FROM p.slow_after)::float8, "
      "p.spacing_per_minute::float8, p.spacing_burst, p.quota_per_day IS NOT NULL "
      "FROM tenfold.provider p");
  pg::spi::for_each(query, [&](const pg::spi::Row& row) {
    Provider provider = provider_from(row);
    providers.emplace(provider.name, std::move(provider));
  });
}

pg::TableCopy<Providers, read_providers> providers("tenfold", "provider");

// What this transaction has asked for: the end of a change's claim, or calls of a committed block.
struct Pending {
  ProviderKey key;
  SubTransactionId asked_by;
  int64_t change;  // 0: it is calls
  int32_t day, calls;
};

std::vector<Pending> pending;

// Called when the transaction has ended either way: nothing here may fail.
void settle(const Pending& one, bool committed) {
  if (one.change == 0 && !committed) return;
  LockedProviders locked;
  ProviderSlot* slot = locked.look(one.key);
  if (slot == nullptr) return;
  if (one.change != 0)
    slot->changes.settle(one.change, committed);
  else
    slot->quota.add(one.day, one.calls);
}

// Of a prepared transaction nobody here will know what became of it. Its changes are for the next to write:
// they may be told twice, and are not lost. Its block is never given out.
void on_end(XactEvent event, void*) {
  if (pending.empty()) return;
  if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE) return;
  for (const Pending& one : pending) settle(one, event == XACT_EVENT_COMMIT);
  pending.clear();
}

void on_subtransaction_end(SubXactEvent event, SubTransactionId ended, SubTransactionId parent, void*) {
  if (event == SUBXACT_EVENT_COMMIT_SUB)
    for (Pending& one : pending) one.asked_by = one.asked_by == ended ? parent : one.asked_by;
  if (event != SUBXACT_EVENT_ABORT_SUB) return;
  std::erase_if(pending, [&](const Pending& one) {
    if (one.asked_by == ended) settle(one, false);
    return one.asked_by == ended;
  });
}

void ask(Pending one) {
  static bool registered = false;
  if (!std::exchange(registered, true))
    pg::call([] {
      RegisterXactCallback(on_end, nullptr);
      RegisterSubXactCallback(on_subtransaction_end, nullptr);
    });
  one.asked_by = GetCurrentSubTransactionId();
  pending.push_back(one);
}

}  // namespace

int64_t monotonic_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000} + now.tv_nsec / 1000;
}

std::shared_ptr<const Provider> provider_of(std::string_view name) {
  const auto all = providers.current();
  const auto found = all->find(name);
  if (found == all->end())
    throw Failure{{Code::unknown_provider, "unknown provider \"" + std::string(name) + "\"",
                   "SELECT tenfold.create_provider(…) makes one; tenfold.provider lists them."}};
  return {all, &found->second};
}

LockedProviders::LockedProviders() {
  auto& shared = area.as<Area>();
  LWLockAcquire(&shared.lock, LW_EXCLUSIVE);  // fails only in a backend that holds 200 locks
  table_ = shared.table();
}

LockedProviders::~LockedProviders() {
  LWLockRelease(&area.as<Area>().lock);
}

void settle_change_at_end(const ProviderKey& key, int64_t change) {
  ask({key, InvalidSubTransactionId, change, 0, 0});
}

void add_quota_at_commit(const ProviderKey& key, int32_t day, int32_t calls) {
  ask({key, InvalidSubTransactionId, 0, day, calls});
}

bool take_own_quota(const ProviderKey& key, int32_t day, int32_t calls) {
  for (Pending& one : pending) {
    if (one.change != 0 || one.key != key || one.day != day || one.calls < calls) continue;
    one.calls -= calls;
    return true;
  }
  return false;
}

int32_t own_quota(const ProviderKey& key, int32_t day) {
  int32_t sum = 0;
  for (const Pending& one : pending)
    sum += one.change == 0 && one.key == key && one.day == day ? one.calls : 0;
  return sum;
}

}  // namespace tenfold

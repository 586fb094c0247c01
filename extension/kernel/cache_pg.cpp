#include "kernel/cache_pg.hpp"

#include <algorithm>
#include <map>

#include "kernel/cache_shelf.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/module.hpp"
#include "pg/settings.hpp"
#include "pg/shmem.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <access/xact.h>
#include <access/xlog.h>
#include <common/hashfn.h>
#include <miscadmin.h>
#include <storage/condition_variable.h>
#include <storage/lwlock.h>
#include <tcop/utility.h>
#include <utils/lsyscache.h>
#include <utils/snapmgr.h>
#include <utils/timestamp.h>
#include <utils/wait_event.h>
}

namespace pg = tenfold::pg;
using tenfold::CacheShelf;
using Stamp = CacheShelf::Stamp;

// How a hit is never older than the last commit that touched one of its tags.
//
// Each tag has a counter (many tags may share one: that only invalidates more). A transaction that touches
// tags raises their `pending` just before it commits, and once its commit is visible raises their generation
// and lowers `pending` again. A reader takes the counters, then a fresh snapshot, then computes, and stores
// the answer with the counters. An answer is good while its counters are what they were, and none is pending.
// So whoever commits after the counters were read, changes them before a reader could tell that the commit is
// visible.
//
// A PREPAREd transaction has left its backend when it commits: COMMIT PREPARED is a touch of counter 0, which
// every answer has.
namespace {

constexpr uint32_t counters = 65536, shelves = 64, leases_a_shelf = 16, everything = 0;
constexpr int pending_bits = 16;
constexpr uint64_t pending_mask = (uint64_t{1} << pending_bits) - 1;
constexpr long wait_ms = 1000;

struct Lease {
  uint64_t hash;
  int owner;  // a pid; 0: free
};

struct Shelf {
  LWLock lock;
  ConditionVariable filled;
  Lease leases[leases_a_shelf];
};

struct Cache {
  std::atomic<uint64_t> counter[counters];  // generation and, in its lower bits, how many commits are pending
  std::atomic<int64_t> hits, misses, bypassed, refused;
  Shelf shelf[shelves];
};

uint32_t blocks_of_shelf() {
  const size_t bytes = static_cast<size_t>(pg::settings.cache_size) * 1024;
  const size_t bytes_of_1024 = CacheShelf::size(1025) - CacheShelf::size(1);
  return std::max<uint32_t>(static_cast<uint32_t>(bytes / shelves * 1024 / bytes_of_1024), 16);
}

size_t area_size() {
  return sizeof(Cache) + shelves * CacheShelf::size(blocks_of_shelf());
}

CacheShelf* shelf_text(Cache& cache, uint32_t number) {
  return reinterpret_cast<CacheShelf*>(reinterpret_cast<char*>(&cache + 1) +
                                       number * CacheShelf::size(blocks_of_shelf()));
}

void make_cache(void* memory) {
  auto* cache = new (memory) Cache();
  const int tranche = LWLockNewTrancheId();
  LWLockRegisterTranche(tranche, "tenfold_cache");
  for (uint32_t i = 0; i < shelves; i++) {
    LWLockInitialize(&cache->shelf[i].lock, tranche);
    ConditionVariableInit(&cache->shelf[i].filled);
    CacheShelf::make(shelf_text(*cache, i), blocks_of_shelf());
  }
}

pg::SharedArea area("tenfold cache", area_size, make_cache);

uint32_t counter_of(std::string_view tag) {
  const uint64_t hash = hash_bytes_extended(reinterpret_cast<const unsigned char*>(tag.data()),
                                            static_cast<int>(tag.size()), MyDatabaseId);
  return static_cast<uint32_t>(1 + hash % (counters - 1));
}

// What this backend has under way: at most one transaction. Nothing here allocates at commit.
struct Transaction {
  std::vector<uint32_t> touched;
  bool is_pending = false;
  std::vector<std::pair<uint32_t, uint64_t>> leases;  // shelf and hash
};

Transaction mine;

void raise_pending(const std::vector<uint32_t>& touched) {
  for (const uint32_t number : touched) area.as<Cache>().counter[number].fetch_add(1);
}

void end_pending(const std::vector<uint32_t>& touched) {
  for (const uint32_t number : touched)
    area.as<Cache>().counter[number].fetch_add((uint64_t{1} << pending_bits) - 1);
}

void release_lease(uint32_t shelf, uint64_t hash) {
  auto& of = area.as<Cache>().shelf[shelf];
  LWLockAcquire(&of.lock, LW_EXCLUSIVE);
  for (Lease& lease : of.leases)
    if (lease.owner == MyProcPid && lease.hash == hash) lease = {};
  LWLockRelease(&of.lock);
  ConditionVariableBroadcast(&of.filled);
}

void forget_transaction() {
  mine.touched.clear();
  mine.is_pending = false;
}

// Runs also when the backend is told to die: its leases go, its pending commits end.
void at_end(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_PRE_COMMIT:
      if (mine.touched.empty() || mine.is_pending) return;
      mine.is_pending = true;
      raise_pending(mine.touched);
      return;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
      if (mine.is_pending) end_pending(mine.touched);
      for (const auto& [shelf, hash] : mine.leases) release_lease(shelf, hash);
      mine.leases.clear();
      return forget_transaction();
    case XACT_EVENT_PREPARE:
      return forget_transaction();
    default:
      return;
  }
}

void watch_transactions() {
  static bool watching = false;
  if (!std::exchange(watching, true)) pg::call([] { RegisterXactCallback(at_end, nullptr); });
}

ProcessUtility_hook_type next_utility = nullptr;

bool commits_prepared(const PlannedStmt* statement) {
  const Node* node = statement->utilityStmt;
  return IsA(node, TransactionStmt) &&
         reinterpret_cast<const TransactionStmt*>(node)->kind == TRANS_STMT_COMMIT_PREPARED;
}

// COMMIT PREPARED cannot run inside a transaction block, so nothing else is pending in this backend. It takes
// effect long before its own transaction ends.
void on_utility(PlannedStmt* statement, const char* text, bool read_only_tree, ProcessUtilityContext context,
                ParamListInfo parameters, QueryEnvironment* environment, DestReceiver* receiver,
                QueryCompletion* completion) {
  if (commits_prepared(statement)) {
    watch_transactions();
    mine.touched.push_back(everything);
    mine.is_pending = true;
    raise_pending(mine.touched);
  }
  (next_utility != nullptr ? next_utility : standard_ProcessUtility)(
      statement, text, read_only_tree, context, parameters, environment, receiver, completion);
}

// Whether an answer may be kept, or a kept one given: the snapshot of now must be the one that the caller
// would see by.
bool may_use() {
  return pg::preloaded() && mine.touched.empty() && !IsolationUsesXactSnapshot() && !RecoveryInProgress() &&
         !TransactionIdIsValid(GetTopTransactionIdIfAny());
}

// What is computed: a query with one argument.
struct Sum {
  std::string_view query;
  Datum argument;
  Oid type;
};

struct Question {
  std::string key;
  uint64_t hash;
  uint32_t shelf;
  std::vector<uint32_t> tags;  // their counters, and that of everything
};

// All that the answer hangs on: nobody gets what another role may see, or what another call keeps for longer.
// Equal arguments may differ in their bytes (numeric 1.0 and 1.00): that only computes twice.
Question question_of(const Sum& sum, const std::vector<std::string_view>& tags, int32_t ttl) {
  Question question;
  question.key.reserve(256);
  const auto append = [&](const auto& part) {
    question.key.append(reinterpret_cast<const char*>(&part), sizeof part);
  };
  append(MyDatabaseId);
  append(GetUserId());
  append(sum.type);
  append(ttl);
  append(tags.size());
  question.tags.push_back(everything);
  for (const std::string_view tag : tags) append(question.tags.emplace_back(counter_of(tag)));
  question.key.append(sum.query).append(1, '\0').append(pg::from_datum<std::string_view>(sum.argument));
  question.hash = hash_bytes_extended(reinterpret_cast<const unsigned char*>(question.key.data()),
                                      static_cast<int>(question.key.size()), 0);
  question.shelf = static_cast<uint32_t>(question.hash >> 32) % shelves;
  return question;
}

bool is_good(const Cache& cache, const CacheShelf::Entry& entry, int64_t now) {
  for (uint32_t i = 0; i < entry.stamp_count; i++)
    if (cache.counter[entry.stamps[i].counter].load() != entry.stamps[i].value) return false;
  return entry.expires > now;
}

// A text as large as that, to be written.
text* new_text(size_t bytes) {
  return pg::call([&] {
    auto* made = static_cast<text*>(palloc(VARHDRSZ + bytes));
    SET_VARSIZE(made, VARHDRSZ + bytes);
    return made;
  });
}

// Copied under the lock: what is kept may be gone a moment later.
std::optional<Datum> look_up(Cache& cache, const Question& question) {
  auto& lock = cache.shelf[question.shelf].lock;
  std::optional<Datum> value;
  pg::call([&] { LWLockAcquire(&lock, LW_SHARED); });
  const CacheShelf* shelf = shelf_text(cache, question.shelf);
  const auto* entry = shelf->find(question.hash, question.key);
  if (entry != nullptr && is_good(cache, *entry, GetCurrentTimestamp())) {
    text* copy = new_text(entry->value_bytes);
    shelf->copy_value(*entry, VARDATA(copy));
    value = PointerGetDatum(copy);
  }
  LWLockRelease(&lock);
  return value;
}

enum class Lead { ours, somebody_elses, none_free };

Lead take_lease(Cache& cache, const Question& question) {
  auto& of = cache.shelf[question.shelf];
  Lead lead = Lead::none_free;
  Lease* free = nullptr;
  pg::call([&] { LWLockAcquire(&of.lock, LW_EXCLUSIVE); });
  for (Lease& lease : of.leases) {
    if (lease.owner == 0) free = &lease;
    if (lease.owner != 0 && lease.hash == question.hash) lead = Lead::somebody_elses;
  }
  if (lead == Lead::none_free && free != nullptr) {
    *free = {question.hash, MyProcPid};
    lead = Lead::ours;
  }
  LWLockRelease(&of.lock);
  return lead;
}

// Until whoever computes this has ended, or for a second: he may be waiting for something that we hold.
void wait_for_leader(Cache& cache, const Question& question) {
  auto& of = cache.shelf[question.shelf];
  const TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait_ms);
  pg::call([&] {
    ConditionVariablePrepareToSleep(&of.filled);
    bool waits = true;
    while (waits) {
      LWLockAcquire(&of.lock, LW_SHARED);
      waits = std::ranges::any_of(
          of.leases, [&](const Lease& lease) { return lease.owner != 0 && lease.hash == question.hash; });
      LWLockRelease(&of.lock);
      if (waits)
        waits = !ConditionVariableTimedSleep(&of.filled, wait_ms, PG_WAIT_EXTENSION) &&
                GetCurrentTimestamp() < until;
    }
    ConditionVariableCancelSleep();
  });
}

// Prepared once a backend and query.
std::optional<std::string> compute(const Sum& sum) {
  static std::map<std::pair<std::string, Oid>, std::unique_ptr<pg::spi::Query>> plans;
  const auto [found, is_new] = plans.try_emplace({std::string(sum.query), sum.type});
  if (is_new)
    found->second = std::make_unique<pg::spi::Query>(found->first.first.c_str(), (const Oid[]){sum.type});
  std::optional<std::string> value;
  const NullableDatum parameters[] = {{sum.argument, false}};
  const uint64 rows = pg::spi::connect_and_run(*found->second, parameters, true);
  if (rows > 0)
    if (const auto text = pg::spi::Row(SPI_tuptable, 0).get<std::string_view>(0)) value = std::string(*text);
  pg::spi::disconnect();
  return value;
}

std::optional<std::string> compute_now(const Sum& sum) {
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  auto value = compute(sum);
  pg::call([] { PopActiveSnapshot(); });
  return value;
}

// The counters as they are; empty if a commit is under way that touches one.
std::vector<Stamp> stamps_of(const Cache& cache, const Question& question) {
  std::vector<Stamp> stamps;
  for (const uint32_t number : question.tags) {
    const uint64_t value = cache.counter[number].load();
    if ((value & pending_mask) != 0) return {};
    stamps.push_back({number, value});
  }
  return stamps;
}

void keep(Cache& cache, const Question& question, const std::string& value, const std::vector<Stamp>& stamps,
          int32_t ttl) {
  if (question.key.size() + value.size() > static_cast<size_t>(pg::settings.cache_max_value) * 1024) {
    cache.refused++;
    return;
  }
  const TimestampTz expires = GetCurrentTimestamp() + ttl * USECS_PER_SEC;
  auto& lock = cache.shelf[question.shelf].lock;
  pg::call([&] { LWLockAcquire(&lock, LW_EXCLUSIVE); });
  if (!shelf_text(cache, question.shelf)->put(question.hash, question.key, value, expires, stamps))
    cache.refused++;
  LWLockRelease(&lock);
}

// Computes while others wait for it, and keeps the answer. An error leaves the lease to the end of the
// transaction, or to the caller's savepoint: so it is given back here.
std::optional<std::string> lead(Cache& cache, const Question& question, const Sum& sum, int32_t ttl) {
  mine.leases.emplace_back(question.shelf, question.hash);
  const auto give_back = [&] {
    mine.leases.pop_back();
    pg::call([&] { release_lease(question.shelf, question.hash); });
  };
  try {
    const auto stamps = stamps_of(cache, question);
    auto value = compute_now(sum);
    if (value && !stamps.empty()) keep(cache, question, *value, stamps, ttl);
    give_back();
    return value;
  } catch (const pg::PgError&) {
    give_back();
    throw;
  }
}

std::optional<Datum> datum_of(const std::optional<std::string>& value) {
  return value ? std::optional(pg::datum(*value)) : std::nullopt;
}

std::optional<Datum> answer(const Question& question, const Sum& sum, int32_t ttl) {
  auto& cache = area.as<Cache>();
  for (int attempt = 0; attempt < 2; attempt++) {
    if (const auto value = look_up(cache, question)) {
      cache.hits++;
      return value;
    }
    const Lead whose = take_lease(cache, question);
    if (whose == Lead::ours) {
      cache.misses++;
      return datum_of(lead(cache, question, sum, ttl));
    }
    if (whose == Lead::none_free) break;
    wait_for_leader(cache, question);
  }
  cache.misses++;
  return datum_of(compute_now(sum));
}

}  // namespace

void tenfold::watch_prepared_transactions() {
  next_utility = std::exchange(ProcessUtility_hook, on_utility);
}

TF_FUNCTION(tf_cached) {
  const Sum sum{args.get<std::string_view>(0, "query"), args.any(1, "argument"), args.type(1)};
  if (pg::call([&] { return get_typlen(sum.type); }) != -1)
    throw tenfold::Failure{
        {tenfold::Code::invalid_parameter, "the argument is neither jsonb nor a row", "Make it one."}};
  const auto tags = args.get<std::vector<std::string_view>>(2, "tags");
  if (tags.size() >= CacheShelf::most_stamps)
    throw tenfold::Failure{{tenfold::Code::invalid_parameter,
                            std::to_string(tags.size()) + " tags are too many", "An answer has at most 4."}};
  watch_transactions();
  std::optional<Datum> value;
  if (may_use()) {
    const auto ttl = args.get<int32_t>(3, "ttl");
    value = answer(question_of(sum, tags, ttl), sum, ttl);
  } else {
    if (pg::preloaded()) area.as<Cache>().bypassed++;
    value = datum_of(compute(sum));
  }
  return value ? *value : args.null();
}

TF_FUNCTION(tf_cache_touch) {
  if (!pg::preloaded()) return 0;
  watch_transactions();
  for (const std::string_view tag : args.get<std::vector<std::string_view>>(0, "tags")) {
    const uint32_t number = counter_of(tag);
    if (std::ranges::count(mine.touched, number) == 0) mine.touched.push_back(number);
  }
  return 0;
}

TF_FUNCTION(tf_cache_clear) {
  auto& cache = area.as<Cache>();
  const auto tag = args.maybe<std::string_view>(0);
  cache.counter[tag ? counter_of(*tag) : everything].fetch_add(uint64_t{1} << pending_bits);
  return 0;
}

TF_FUNCTION(tf_cache_counts) {
  auto& cache = area.as<Cache>();
  int64_t entries = 0, used = 0, bytes = 0, evicted = 0;
  for (uint32_t i = 0; i < shelves; i++) {
    const CacheShelf* shelf = shelf_text(cache, i);  // numbers for people: no lock
    entries += shelf->entries();
    used += (shelf->blocks() - shelf->blocks_free()) * int64_t{256};
    bytes += shelf->blocks() * int64_t{256};
    evicted += shelf->evicted();
  }
  const NullableDatum columns[] = {pg::nullable(entries),
                                   pg::nullable(used),
                                   pg::nullable(bytes),
                                   pg::nullable(cache.hits.load()),
                                   pg::nullable(cache.misses.load()),
                                   pg::nullable(cache.bypassed.load()),
                                   pg::nullable(cache.refused.load()),
                                   pg::nullable(evicted)};
  return pg::row_datum(args.info(), columns);
}

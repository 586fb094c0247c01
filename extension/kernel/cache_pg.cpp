#include "kernel/cache_pg.hpp"

#include <algorithm>

#include "kernel/cache_shelf.hpp"
#include "kernel/cache_touched.hpp"
#include "kernel/response_pg.hpp"

#include "kernel/cached_function_pg.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/module.hpp"
#include "pg/send_buffer.hpp"
#include "pg/settings.hpp"
#include "pg/shmem.hpp"

extern "C" {
#include <access/xact.h>
#include <access/xlog.h>
#include <common/hashfn.h>
#include <miscadmin.h>
#include <storage/condition_variable.h>
#include <storage/lwlock.h>
#include <tcop/utility.h>
#include <utils/snapmgr.h>
#include <utils/timestamp.h>
#include <utils/wait_event.h>
}

namespace pg = tenfold::pg;
namespace cache_counter = tenfold::cache_counter;
using tenfold::CachedFunction;
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

constexpr uint32_t shelves = 64, leases_a_shelf = 16;
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
  std::atomic<uint64_t> counter[cache_counter::count];
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
  return static_cast<uint32_t>(1 + hash % (cache_counter::count - 1));
}

// What this backend has under way: at most one transaction. Nothing here allocates at commit.
tenfold::TouchedCounters touched;

// What this backend computes, each in the midst of the one before: shelf and hash.
std::vector<std::pair<uint32_t, uint64_t>> leases;

void release_lease(uint32_t shelf, uint64_t hash) {
  auto& of = area.as<Cache>().shelf[shelf];
  LWLockAcquire(&of.lock, LW_EXCLUSIVE);
  for (Lease& lease : of.leases)
    if (lease.owner == MyProcPid && lease.hash == hash) lease = {};
  LWLockRelease(&of.lock);
  ConditionVariableBroadcast(&of.filled);
}

// Runs also when the backend is told to die, which leaves no C++ frame: its leases go, its pending commits
// end.
void at_end(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_PRE_COMMIT:
      return touched.raise(area.as<Cache>().counter);
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE:
      for (const auto& [shelf, hash] : leases) release_lease(shelf, hash);
      leases.clear();
      return touched.end(area.as<Cache>().counter);
    default:
      return;
  }
}

ProcessUtility_hook_type next_utility = nullptr;

bool commits_prepared(const PlannedStmt* statement) {
  const Node* node = statement->utilityStmt;
  return IsA(node, TransactionStmt) &&
         reinterpret_cast<const TransactionStmt*>(node)->kind == TRANS_STMT_COMMIT_PREPARED;
}

// COMMIT PREPARED takes effect long before its own transaction ends. In a block, or within a function, the
// server refuses it, and the transaction may go on. Between C frames: nothing here throws or allocates.
void on_utility(PlannedStmt* statement, const char* text, bool read_only_tree, ProcessUtilityContext context,
                ParamListInfo parameters, QueryEnvironment* environment, DestReceiver* receiver,
                QueryCompletion* completion) {
  if (context == PROCESS_UTILITY_TOPLEVEL && commits_prepared(statement) && !IsTransactionBlock() &&
      !IsSubTransaction()) {
    touched.touch_everything();
    touched.raise(area.as<Cache>().counter);
  }
  (next_utility != nullptr ? next_utility : standard_ProcessUtility)(
      statement, text, read_only_tree, context, parameters, environment, receiver, completion);
}

// Whether an answer may be kept, or a kept one given: the snapshot of now must be the one that the caller
// would see by.
bool may_use() {
  return pg::preloaded() && touched.empty() && !IsolationUsesXactSnapshot() && !RecoveryInProgress() &&
         !TransactionIdIsValid(GetTopTransactionIdIfAny());
}

// One call of a cached function.
struct Sum {
  CachedFunction& function;
  FunctionCallInfo info;

  std::optional<std::string> compute() const { return function.compute(info); }
  int32_t seconds() const { return function.recipe().seconds; }
};

struct Question {
  std::string key;
  uint64_t hash;
  uint32_t shelf;
  std::vector<uint32_t> tags;  // their counters, and that of everything
};

// All that the answer hangs on. The role, since a function can ask who called it.
Question question_of(const Sum& sum) {
  Question question;
  question.key.reserve(256);
  for (const Oid part : {MyDatabaseId, GetUserId()})
    question.key.append(reinterpret_cast<const char*>(&part), sizeof part);
  sum.function.append_key(question.key, sum.info);
  question.tags.push_back(cache_counter::everything);
  for (const auto& tag : sum.function.recipe().tags)
    question.tags.push_back(counter_of(sum.function.tag(tag, sum.info)));
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
  leases.reserve(leases.size() + 1);  // for HeldLease, which must not fail
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

std::optional<std::string> compute_now(const Sum& sum) {
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  auto value = sum.compute();
  pg::call([] { PopActiveSnapshot(); });
  return value;
}

// The counters as they are; empty if a commit is under way that touches one.
std::vector<Stamp> stamps_of(const Cache& cache, const Question& question) {
  std::vector<Stamp> stamps;
  for (const uint32_t number : question.tags) {
    const uint64_t value = cache.counter[number].load();
    if (cache_counter::is_pending(value)) return {};
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

// A lease that was taken, given back whatever is thrown.
class HeldLease {
 public:
  explicit HeldLease(const Question& question) { leases.emplace_back(question.shelf, question.hash); }
  HeldLease(const HeldLease&) = delete;
  HeldLease& operator=(const HeldLease&) = delete;
  ~HeldLease() {
    release_lease(leases.back().first, leases.back().second);
    leases.pop_back();
  }
};

// Computes while others wait for it, and keeps the answer.
std::optional<std::string> lead(Cache& cache, const Question& question, const Sum& sum) {
  const HeldLease lease(question);
  const auto stamps = stamps_of(cache, question);
  auto value = compute_now(sum);
  if (value && !stamps.empty()) keep(cache, question, *value, stamps, sum.seconds());
  return value;
}

std::optional<Datum> datum_of(const std::optional<std::string>& value) {
  return value ? std::optional(pg::datum(*value)) : std::nullopt;
}

std::optional<Datum> answer(const Question& question, const Sum& sum) {
  auto& cache = area.as<Cache>();
  for (int attempt = 0; attempt < 2; attempt++) {
    if (const auto value = look_up(cache, question)) {
      cache.hits++;
      return value;
    }
    const Lead whose = take_lease(cache, question);
    if (whose == Lead::ours) {
      cache.misses++;
      return datum_of(lead(cache, question, sum));
    }
    if (whose == Lead::none_free) break;
    wait_for_leader(cache, question);
  }
  cache.misses++;
  return datum_of(compute_now(sum));
}

}  // namespace

void tenfold::watch_transactions() {
  RegisterXactCallback(at_end, nullptr);
  next_utility = std::exchange(ProcessUtility_hook, on_utility);
}

// Calls a function of language tenfold_cached.
TF_FUNCTION(tf_cached_handler) {
  FunctionCallInfo info = args.info();
  const auto function = tenfold::cached_function(info->flinfo->fn_oid);
  const Sum sum{*function, info};
  std::optional<Datum> value;
  if (may_use()) {
    value = answer(question_of(sum), sum);
  } else {
    if (pg::preloaded()) area.as<Cache>().bypassed++;
    value = datum_of(sum.compute());
  }
  if (!value) return args.null();
  pg::widen_send_buffer();
  if (function->recipe().links_next)
    tenfold::add_next_link(pg::from_datum<std::string_view>(*value));  // type: ours
  return *value;
}

TF_FUNCTION(tf_cache_touch) {
  if (!pg::preloaded()) return 0;
  for (const std::string_view tag : args.get<std::vector<std::string_view>>(0, "tags"))
    touched.touch(counter_of(tag));
  return 0;
}

// At once, and again when the transaction commits: in between a reader may keep what it is about to change.
TF_FUNCTION(tf_cache_clear) {
  auto& cache = area.as<Cache>();
  const auto tag = args.maybe<std::string_view>(0);
  const uint32_t number = tag ? counter_of(*tag) : cache_counter::everything;
  cache.counter[number].fetch_add(cache_counter::generation);
  touched.touch(number);
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

// Locks that SQL cannot take. pg_advisory_lock() and its kin use classes 1 and 2 of the server's advisory
// locks, of the 65,536 that a lock's tag has room for: ours are above. They show in pg_locks with that class
// as objsubid, deadlocks among them are found, and they end with the transaction.
#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <storage/lock.h>
#include <storage/lockdefs.h>
}

namespace pg = tenfold::pg;

namespace {

constexpr std::string_view kinds[] = {"install", "log", "job_key", "kafka_source"};
constexpr uint16 first_class = 0x7E00;

uint16 class_of(std::string_view kind) {
  for (size_t i = 0; i < std::size(kinds); i++)
    if (kinds[i] == kind) return first_class + i;
  throw tenfold::Failure{{tenfold::Code::internal, "no kind of lock is called " + std::string(kind), ""}};
}

bool take(const pg::Args& args, bool wait) {
  const auto key = static_cast<uint64>(args.get<int64_t>(1, "key"));
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(key >> 32), static_cast<uint32>(key),
                       class_of(args.get<std::string_view>(0, "kind")));
  return pg::call([&] { return LockAcquire(&tag, ExclusiveLock, false, !wait); }) != LOCKACQUIRE_NOT_AVAIL;
}

}  // namespace

TF_FUNCTION(tf_lock) {
  take(args, true);
  return Datum{0};
}

TF_FUNCTION(tf_try_lock) {
  return pg::datum(take(args, false));
}

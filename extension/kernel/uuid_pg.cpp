#include "kernel/uuid.hpp"

#include "kernel/bucket.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <datatype/timestamp.h>
#include <utils/timestamp.h>
#include <utils/uuid.h>
}

#include <algorithm>

namespace pg = tenfold::pg;
using tenfold::Uuid;

static_assert(sizeof(pg_uuid_t) == sizeof(Uuid));

namespace {

tenfold::UuidClock clock_of_backend;

Uuid get_uuid(const pg::Args& args, int i, const char* name) {
  Uuid id;
  std::copy_n(DatumGetUUIDP(args.any(i, name))->data, id.size(), id.begin());  // type: uuid, as declared
  return id;
}

Datum datum(const Uuid& id) {
  auto* written = pg::call([] { return static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t))); });
  std::copy(id.begin(), id.end(), written->data);
  return UUIDPGetDatum(written);
}

// The server's clock, which is one for all its clients; not the transaction's, which stands still.
int64_t unix_milliseconds() {
  constexpr int64_t between_epochs = int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * USECS_PER_DAY;
  return (GetCurrentTimestamp() + between_epochs) / 1000;
}

uint64_t random_bits() {
  uint64_t bits = 0;
  if (!pg_strong_random(&bits, sizeof bits))
    throw tenfold::Failure{{tenfold::Code::internal, "the server has no random numbers", ""}};
  return bits;
}

}  // namespace

TF_FUNCTION(tf_uuid_v5) {
  return datum(tenfold::uuid_v5(get_uuid(args, 0, "namespace"), args.get<std::string_view>(1, "name")));
}

TF_FUNCTION(tf_uuid_v7) {
  const int bucket = tenfold::checked_bucket(args.get<int32_t>(0, "bucket")).value();
  return datum(clock_of_backend.next(unix_milliseconds(), bucket, random_bits()));
}

// Frozen: ids hold its results.
TF_FUNCTION(tf_bucket_of_uuid) {
  return pg::datum(tenfold::bucket_of(get_uuid(args, 0, "id")).value());
}

#include "kernel/bucket.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <commands/sequence.h>
#include <utils/lsyscache.h>
}

namespace pg = tenfold::pg;

// The number is taken last: a bucket that does not exist costs none.
TF_FUNCTION(tf_next_id) {
  const auto sequence = static_cast<Oid>(args.any(0, "sequence"));  // a regclass is passed by value
  const int bucket = tenfold::checked_bucket(args.get<int32_t>(1, "bucket")).value();
  const int64 number = pg::call([&] { return nextval_internal(sequence, true); });
  const char* name = pg::call([&] { return get_rel_name(sequence); });
  return pg::datum(tenfold::id_of(bucket, number, name).value());
}

// Frozen: ids hold its results.
TF_FUNCTION(tf_bucket_of_key) {
  return pg::datum(tenfold::bucket_of_key(args.get<std::string_view>(0, "key")));
}

TF_FUNCTION(tf_bucket_of_id) {
  return pg::datum(tenfold::bucket_of(args.get<int64_t>(0, "id")).value());
}

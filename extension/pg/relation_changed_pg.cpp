#include "pg/guard.hpp"

extern "C" {
#include <utils/inval.h>
#include <utils/syscache.h>
}

TF_FUNCTION(tf_relation_changed) {
  const auto relation = static_cast<Oid>(args.get<int64_t>(0, "relation"));
  // Of a relation that does not exist nobody keeps a copy.
  tenfold::pg::call([&] {
    if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation))) CacheInvalidateRelcacheByRelid(relation);
  });
  return 0;
}

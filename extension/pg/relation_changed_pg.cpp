#include "pg/guard.hpp"

extern "C" {
#include <utils/inval.h>
}

TF_FUNCTION(tf_relation_changed) {
  const auto relation = static_cast<Oid>(args.get<int64_t>(0, "relation"));
  tenfold::pg::call([&] { CacheInvalidateRelcacheByRelid(relation); });
  return 0;
}

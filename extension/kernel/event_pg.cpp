#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <access/xlog.h>
}

namespace pg = tenfold::pg;

TF_FUNCTION(tf_system_identifier) {
  return pg::datum(static_cast<int64_t>(GetSystemIdentifier()));
}

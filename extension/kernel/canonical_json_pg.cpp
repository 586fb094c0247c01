#include "kernel/canonical_json.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"

namespace pg = tenfold::pg;

TF_FUNCTION(tf_canonical_json) {
  return pg::datum(tenfold::canonical_json(args.get<std::string_view>(0, "value")).value());
}

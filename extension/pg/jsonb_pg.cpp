#include "pg/jsonb.hpp"

#include <limits>

#include "pg/datum.hpp"
#include "pg/guard.hpp"

namespace pg = tenfold::pg;

TF_FUNCTION(tf_json_bytes) {
  const Datum value = args.any(0, "value");
  const auto bytes = [&] {
    // type: declared
    return pg::jsonb_text_bytes(DatumGetJsonbP(value), std::numeric_limits<int64_t>::max());
  };
  return pg::datum(pg::call(bytes));
}

TF_FUNCTION(tf_longest_number) {
  const Datum value = args.any(0, "value");  // type: declared
  return pg::datum(pg::call([&] { return pg::jsonb_longest_number(DatumGetJsonbP(value)); }));
}

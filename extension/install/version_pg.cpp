#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/module.hpp"

namespace pg = tenfold::pg;

TF_FUNCTION(tf_version) {
  return pg::datum(TENFOLD_VERSION);
}

TF_FUNCTION(tf_preloaded) {
  return pg::datum(pg::preloaded());
}

TF_FUNCTION(tf_error_codes) {
  pg::Rows rows(args.info());
  for (const auto& row : tenfold::error_codes())
    rows.add(std::string_view(row.sqlstate), std::string_view(row.name), row.http_status,
             std::string_view(row.meaning));
  return args.null();
}

// The guard outwards: what SQL calls.
//
//   TF_FUNCTION(tf_geo_haversine) {
//     return pg::datum(geo::haversine_m(…));
//   }
//
// declares the V1 entry point, and catches whatever the body throws before it can reach the server's C
// frames. The error is raised only after the try block is left, when every C++ object is gone.
#pragma once

#include "pg/args.hpp"
#include "pg/call.hpp"

namespace tenfold::pg {

using Body = Datum (*)(Args&);

// Runs the body. Failure → its own SQLSTATE; PgError → the original error, unchanged; bad_alloc → 53200;
// query_canceled → the server's own cancel or termination message; any other exception → XX000.
Datum guarded(Body body, FunctionCallInfo fcinfo);

}  // namespace tenfold::pg

#define TF_FUNCTION(name)                             \
  static Datum name##_body(tenfold::pg::Args& args);  \
  extern "C" {                                        \
  PG_FUNCTION_INFO_V1(name);                          \
  Datum name(PG_FUNCTION_ARGS) {                      \
    return tenfold::pg::guarded(name##_body, fcinfo); \
  }                                                   \
  }                                                   \
  static Datum name##_body([[maybe_unused]] tenfold::pg::Args& args)

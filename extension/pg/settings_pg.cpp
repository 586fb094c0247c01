#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <utils/guc.h>
}

namespace pg = tenfold::pg;

TF_FUNCTION(tf_setting) {
  const std::string name = "tenfold." + std::string(args.get<std::string_view>(0, "name"));
  return pg::call([&] { return pg::datum(GetConfigOption(name.c_str(), false, true)); });
}

#include "kernel/response_pg.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <lib/stringinfo.h>
#include <utils/guc.h>
#include <utils/json.h>
}

namespace pg = tenfold::pg;

void tenfold::add_response_headers(std::string_view objects) {
  constexpr const char* setting = "response.headers";
  const char* before = pg::call([] { return GetConfigOption(setting, true, false); });
  std::string array = before == nullptr || *before == '\0' ? "[" : std::string(before);
  if (array.ends_with(']')) array.back() = ',';
  array.append(objects).append("]");
  pg::call([&] {
    set_config_option(setting, array.c_str(), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
  });
}

TF_FUNCTION(tf_add_response_header) {
  const std::string name(args.get<std::string_view>(0, "name")),
      value(args.get<std::string_view>(1, "value"));
  const char* header = pg::call([&] {
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfoChar(&text, '{');
    escape_json(&text, name.c_str());
    appendStringInfoChar(&text, ':');
    escape_json(&text, value.c_str());
    appendStringInfoChar(&text, '}');
    return text.data;
  });
  tenfold::add_response_headers(header);
  return 0;
}

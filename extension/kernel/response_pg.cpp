#include "kernel/response_pg.hpp"

#include "kernel/client.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <lib/stringinfo.h>
#include <utils/guc.h>
#include <utils/json.h>
}

namespace pg = tenfold::pg;

namespace {

// {"name":"value"}
std::string_view header_object(const std::string& name, const std::string& value) {
  return pg::call([&] {
    StringInfoData object;
    initStringInfo(&object);
    appendStringInfoChar(&object, '{');
    escape_json(&object, name.c_str());
    appendStringInfoChar(&object, ':');
    escape_json(&object, value.c_str());
    appendStringInfoChar(&object, '}');
    return object.data;
  });
}

std::string_view setting(const char* name) {
  const char* value = pg::call([&] { return GetConfigOption(name, true, false); });
  return value == nullptr ? "" : value;
}

}  // namespace

void tenfold::add_response_headers(std::string_view objects) {
  std::string array(setting("response.headers"));
  if (array.empty()) array = "[";
  if (array.ends_with(']')) array.back() = ',';
  array.append(objects).append("]");
  pg::call([&] {
    set_config_option("response.headers", array.c_str(), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true,
                      0, false);
  });
}

TF_FUNCTION(tf_add_response_header) {
  const std::string name(args.get<std::string_view>(0, "name")),
      value(args.get<std::string_view>(1, "value"));
  tenfold::add_response_headers(header_object(name, value));
  return 0;
}

// By its beginning, as json_build_object writes it: to parse the answer would take longer than to find it.
TF_FUNCTION(tf_with_next_link) {
  constexpr std::string_view start = R"({"next" : ")";
  const auto answer = args.get<std::string_view>(0, "answer");
  const std::string_view headers = setting("request.headers");
  if (!headers.empty() && answer.starts_with(start)) {
    const std::string_view rest = answer.substr(start.size());
    tenfold::add_response_headers(
        header_object("Link", tenfold::next_link(headers, rest.substr(0, rest.find('"')))));
  }
  return args.any(0, "answer");
}

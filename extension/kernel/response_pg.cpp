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

void tenfold::add_response_headers(std::string_view objects, std::string_view instead_of) {
  std::string array(setting("response.headers"));
  if (array.ends_with(']')) array.pop_back();
  if (array.empty()) array = "[";
  if (!instead_of.empty() && array.ends_with(instead_of))
    array.resize(array.size() - instead_of.size());
  else if (array.size() > 1)
    array += ',';
  array.append(objects).append("]");
  pg::call([&] {
    set_config_option("response.headers", array.c_str(), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true,
                      0, false);
  });
}

// By its beginning: to parse the answer would take longer than to find it.
void tenfold::add_next_link(std::string_view answer) {
  constexpr std::string_view start = R"({"next" : ")";
  const std::string_view headers = setting("request.headers");
  if (headers.empty() || !answer.starts_with(start)) return;
  const std::string_view rest = answer.substr(start.size());
  add_response_headers(header_object("Link", next_link(headers, rest.substr(0, rest.find('"')))));
}

TF_FUNCTION(tf_add_response_header) {
  const std::string name(args.get<std::string_view>(0, "name")),
      value(args.get<std::string_view>(1, "value"));
  tenfold::add_response_headers(header_object(name, value));
  return 0;
}

TF_FUNCTION(tf_with_next_link) {
  tenfold::add_next_link(args.get<std::string_view>(0, "answer"));
  return args.any(0, "answer");
}

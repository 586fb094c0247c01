#include "kernel/endpoint_pg.hpp"

#include <map>

#include "kernel/json_schema_pg.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/spi.hpp"
#include "pg/table_copy.hpp"

extern "C" {
#include <catalog/namespace.h>
#include <lib/stringinfo.h>
#include <utils/guc.h>
#include <utils/json.h>
#include <utils/lsyscache.h>
}

namespace pg = tenfold::pg;
namespace json = tenfold::json;

namespace {

// The schemas of what functions of shape J get, by the function's name in tenfold_api.
// A row of
// which the schema is none stops no other.
using Bodies = std::multimap<std::string, tenfold::Result<std::shared_ptr<const json::Schema>>, std::less<>>;

json::Value read_components() {
  static pg::spi::Query query("SELECT name, schema::text FROM tenfold.api_schema");
  json::Value components{json::Value::Kind::object};
  pg::spi::for_each(query, [&](const pg::spi::Row& row) {
    auto schema = json::parse(row.required<std::string_view>(1));
    if (!schema) return;
    components.names.emplace_back(row.required<std::string_view>(0));
    components.items.push_back(*std::move(schema));
  });
  return components;
}

void read_bodies(Bodies& bodies) {
  static pg::spi::Query query(
      "SELECT substring(function FROM '^tenfold_api[.](.*)[(]'), coalesce(body, 'true')::text FROM "
      "tenfold.route "
      "WHERE shape = 'J' AND function LIKE 'tenfold@_api.%(%' ESCAPE '@'");
  const json::Value components = read_components();
  pg::spi::for_each(query, [&](const pg::spi::Row& row) {
    const auto schema = json::parse(row.required<std::string_view>(1));
    const std::string name(row.required<std::string_view>(0));
    if (schema)
      bodies.emplace(name, json::Schema::compile(*schema, components));
    else
      bodies.emplace(name, schema.error());
  });
}

pg::TableCopy<Bodies, read_bodies> bodies("tenfold", "route");

needs_fmgr_hook_type next_needs = nullptr;
fmgr_hook_type next_hook = nullptr;

// What is known of a function that is called through the hook, for as long as its FmgrInfo lives.
struct Call {
  bool is_endpoint;
  PGFunction checked;  // what gets the body once it was checked; nullptr: there is none to check
  Oid body_type;
  bool is_asked;  // by a request: looked up before the call, which may hide the settings from what it runs
  Datum next;     // the state of the next hook
};

bool is_endpoint(Oid function) {
  const Oid schema = get_namespace_oid("tenfold_api", true);
  return OidIsValid(schema) && get_func_namespace(function) == schema;
}

// Shape J has one argument: the body.
Oid body_type_of(Oid function) {
  Oid* types = nullptr;
  int count = 0;
  get_func_signature(function, &types, &count);
  return count == 1 && (types[0] == JSONBOID || types[0] == JSONOID) ? types[0] : InvalidOid;
}

bool is_request() {
  const char* method = GetConfigOption("request.method", true, false);
  return method != nullptr && *method != '\0';
}

void append_member(StringInfo object, const char* name, const char* value) {
  appendStringInfo(object, "%s\"%s\": ", object->len > 1 ? ", " : "{", name);
  if (value != nullptr && *value != '\0')
    escape_json(object, value);
  else
    appendStringInfoString(object, "null");
}

const char* body_of(const ErrorData* error, const char* sqlstate) {
  // The detail of a constraint shows the row that broke it, columns and all that the client never sent.
  const bool shows_row = strncmp(sqlstate, "23", 2) == 0;
  StringInfoData body;
  initStringInfo(&body);
  append_member(&body, "code", sqlstate);
  append_member(&body, "message", error->message);
  append_member(&body, "details", shows_row ? nullptr : error->detail);
  append_member(&body, "hint", error->hint);
  appendStringInfoChar(&body, '}');
  return body.data;
}

const char* answer_of(int status, const char* sqlstate) {
  const bool repeats = status == 502 || (status == 409 && strncmp(sqlstate, "TF", 2) != 0);
  const char* headers = repeats         ? R"("Retry-After": "1")"
                        : status == 401 ? R"("WWW-Authenticate": "Bearer")"
                                        : "";
  return psprintf(R"({"status": %d, "headers": {%s}})", status, headers);
}

// The error that is on its way, where its status is not the one that PostgREST would give it.
void raise_for_http(MemoryContext memory) {
  MemoryContextSwitchTo(memory);
  ErrorData* error = CopyErrorData();
  const char* sqlstate = pstrdup(unpack_sql_state(error->sqlerrcode));
  const int status = tenfold::http_status_of(sqlstate);
  if (status == 0) return;
  FlushErrorState();
  error->message = const_cast<char*>(body_of(error, sqlstate));
  error->detail = const_cast<char*>(answer_of(status, sqlstate));
  error->hint = nullptr;
  error->sqlerrcode = MAKE_SQLSTATE('P', 'G', 'R', 'S', 'T');
  ReThrowError(error);
}

// Functions in PL/pgSQL come through the hook for their SECURITY DEFINER; what has no such clause by this.
bool needs_hook(Oid function) {
  return (next_needs != nullptr && next_needs(function)) || is_endpoint(function);
}

// The call that begins: the server calls the function right after the hook.
Call* beginning = nullptr;

// As a guarded function that SQL calls, so that what it throws is an error of the server's.
Datum check_body(pg::Args& args) {
  const Oid type = beginning->body_type;
  const char* name = pg::call([info = args.info()] { return get_func_name(info->flinfo->fn_oid); });
  const auto held = bodies.current();
  const auto [first, last] = held->equal_range(std::string_view(name == nullptr ? "" : name));
  if (first == last)
    throw tenfold::Failure{{tenfold::Code::feature_not_supported,
                            std::string("no route calls tenfold_api.") + name,
                            "Add its row of shape J to tenfold.route: it says what the body is."}};
  const json::Value body = tenfold::json_value(args.info()->args[0], type);
  for (auto schema = first; schema != last; schema++) {
    if (!schema->second) throw tenfold::Failure{schema->second.error()};
    if (const auto problem = (*schema->second)->problem(body)) tenfold::refuse_body(*problem);
  }
  return 0;
}

Datum call_checked(FunctionCallInfo info) {
  const PGFunction function = beginning->checked;
  pg::guarded(check_body, info);
  info->isnull = false;
  return function(info);
}

Call* new_call(FmgrInfo* function) {
  auto* call = static_cast<Call*>(MemoryContextAllocZero(function->fn_mcxt, sizeof(Call)));
  call->is_endpoint = is_endpoint(function->fn_oid);
  if (call->is_endpoint) call->body_type = body_type_of(function->fn_oid);
  if (OidIsValid(call->body_type)) call->checked = std::exchange(function->fn_addr, call_checked);
  return call;
}

Call* call_of(FmgrInfo* function, Datum* state) {
  if (*state == 0) *state = PointerGetDatum(new_call(function));
  return reinterpret_cast<Call*>(DatumGetPointer(*state));  // type: ours
}

void on_call(FmgrHookEventType event, FmgrInfo* function, Datum* state) {
  Call* call = call_of(function, state);
  if (event == FHET_START && call->is_endpoint) {
    call->is_asked = is_request();
    beginning = call;
  }
  if (next_hook != nullptr) next_hook(event, function, &call->next);
  if (event == FHET_ABORT && call->is_asked) raise_for_http(function->fn_mcxt);
}

}  // namespace

void tenfold::watch_endpoints() {
  next_needs = std::exchange(needs_fmgr_hook, needs_hook);
  next_hook = std::exchange(fmgr_hook, on_call);
}

TF_FUNCTION(tf_http_status) {
  const int status = tenfold::http_status_of(args.get<std::string_view>(0, "state"));
  return status == 0 ? args.null() : pg::datum(int32_t{status});
}

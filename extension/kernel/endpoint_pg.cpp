#include "kernel/endpoint_pg.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <catalog/namespace.h>
#include <lib/stringinfo.h>
#include <utils/guc.h>
#include <utils/json.h>
#include <utils/lsyscache.h>
}

namespace pg = tenfold::pg;

namespace {

needs_fmgr_hook_type next_needs = nullptr;
fmgr_hook_type next_hook = nullptr;

// What is known of a function that is called through the hook, for as long as its FmgrInfo lives.
struct Call {
  bool is_endpoint;
  bool is_asked;  // by a request: looked up before the call, which may hide the settings from what it runs
  Datum next;     // the state of the next hook
};

bool is_endpoint(Oid function) {
  const Oid schema = get_namespace_oid("tenfold_api", true);
  return OidIsValid(schema) && get_func_namespace(function) == schema;
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

Call* call_of(FmgrInfo* function, Datum* state) {
  if (*state == 0) {
    auto* call = static_cast<Call*>(MemoryContextAlloc(function->fn_mcxt, sizeof(Call)));
    *call = {is_endpoint(function->fn_oid), false, 0};
    *state = PointerGetDatum(call);
  }
  return reinterpret_cast<Call*>(DatumGetPointer(*state));  // type: ours
}

void on_call(FmgrHookEventType event, FmgrInfo* function, Datum* state) {
  Call* call = call_of(function, state);
  if (event == FHET_START && call->is_endpoint) call->is_asked = is_request();
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

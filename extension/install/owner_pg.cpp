// What superusers run and tenfold_owner has a hand in.
#include "kernel/error.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <catalog/namespace.h>
#include <commands/event_trigger.h>
#include <executor/spi.h>
#include <miscadmin.h>
#include <nodes/parsenodes.h>
#include <utils/acl.h>
#include <utils/builtins.h>
#include <utils/guc.h>
#include <utils/lsyscache.h>
}

namespace pg = tenfold::pg;

namespace {

// In the caller's memory; nullptr for NULL, or no row.
char* first_value(char* statement) {
  const MemoryContext callers = CurrentMemoryContext;
  SPI_connect();
  if (const int code = SPI_execute(statement, false, 0); code < 0)
    elog(ERROR, "statement failed: %s", SPI_result_code_string(code));
  char* value = nullptr;
  if (SPI_tuptable && SPI_processed > 0)
    if (const char* text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1))
      value = MemoryContextStrdup(callers, text);
  SPI_finish();
  return value;
}

// As the server itself runs a matview's query. An error puts user and settings back at the (sub)transaction's
// end.
char* run_restricted(Oid role, char* statement) {
  Oid user;
  int context;
  GetUserIdAndSecContext(&user, &context);
  SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
  const int nest_level = NewGUCNestLevel();
  char* value = first_value(statement);
  AtEOXact_GUC(false, nest_level);
  SetUserIdAndSecContext(user, context);
  return value;
}

bool drops_tenfold(const Node* statement) {
  if (!IsA(statement, DropStmt)) return false;
  const auto* drop = reinterpret_cast<const DropStmt*>(statement);
  if (drop->removeType != OBJECT_EXTENSION) return false;
  ListCell* cell;
  foreach (cell, drop->objects)
    if (strcmp(strVal(lfirst(cell)), "tenfold") == 0) return true;
  return false;
}

bool has_tables() {
  const Oid schema = get_namespace_oid("tenfold", true);
  return OidIsValid(schema) && OidIsValid(get_relname_relid("migration", schema));
}

}  // namespace

TF_FUNCTION(tf_run_as_owner) {
  const std::string_view statement = args.get<std::string_view>(0, "statement");
  const char* value = pg::call([&] {
    return run_restricted(get_role_oid("tenfold_owner", false), pnstrdup(statement.data(), statement.size()));
  });
  return value ? pg::datum(value) : args.null();
}

TF_FUNCTION(tf_guard_drop) {
  const bool refuses = pg::call([&] {
    if (!CALLED_AS_EVENT_TRIGGER(args.info())) elog(ERROR, "not called as an event trigger");
    const auto* event = reinterpret_cast<const EventTriggerData*>(args.info()->context);
    return drops_tenfold(event->parsetree) && has_tables();
  });
  if (refuses)
    throw tenfold::Failure{
        {tenfold::Code::tables_exist, "extension tenfold cannot be dropped while its tables exist",
         "SELECT tenfold.uninstall(MODULE, confirm => MODULE) removes a module with its data, kernel last"}};
  return args.null();
}

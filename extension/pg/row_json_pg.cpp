#include "pg/row_json.hpp"

#include "pg/datum.hpp"
#include "pg/elements.hpp"
#include "pg/guard.hpp"

extern "C" {
#include <access/table.h>
#include <utils/acl.h>
#include <utils/rel.h>
#include <utils/rls.h>
}

namespace pg = tenfold::pg;

namespace {

// Whoever reads rows by himself checks by himself what the executor would have checked.
Relation open_readable(Oid oid) {
  Relation table = table_open(oid, AccessShareLock);
  if (!RELKIND_HAS_TABLE_AM(table->rd_rel->relkind))
    ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
            errmsg("\"%s\" is not a table that holds rows", RelationGetRelationName(table)),
            errhint("Name a table or a materialized view; of a partitioned one, a partition."));
  const AclResult right = pg_class_aclcheck(oid, GetUserId(), ACL_SELECT);
  if (right != ACLCHECK_OK) aclcheck_error(right, OBJECT_TABLE, RelationGetRelationName(table));
  if (check_enable_rls(oid, InvalidOid, false) == RLS_ENABLED)
    ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
            errmsg("row-level security of \"%s\" cannot be applied here", RelationGetRelationName(table)),
            errhint("Call a SECURITY DEFINER function whose owner bypasses the policies."));
  return table;
}

}  // namespace

TF_FUNCTION(tf_rows_json) {
  const Oid oid = DatumGetObjectId(args.any(0, "table"));  // type: declared
  Relation table = pg::call([&] { return open_readable(oid); });
  const auto names = args.get<std::vector<std::string_view>>(1, "columns");
  const auto places =
      pg::call([&] { return pg::Elements::of(args.info()->args[2], TIDOID, "a list of rows"); });
  pg::RowReader rows(table);
  const pg::RowJson columns(table, names, rows);
  tenfold::JsonText json;
  for (int i = 0; i < places.count; i++) {
    auto* version = reinterpret_cast<ItemPointer>(DatumGetPointer(places.values[i]));  // type: above
    if (places.is_null(i) || !rows.read_version(version)) continue;
    json.raw(json.view().empty() ? "[{" : ", \n {");
    columns.append(json, rows, true);
    json.raw("}");
  }
  json.raw(json.view().empty() ? "[]" : "]");
  rows.close();
  pg::call(
      [&] { table_close(table, NoLock); });  // as after a query: the lock stays until the transaction ends
  return pg::datum(json.view());
}

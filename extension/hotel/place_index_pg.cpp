#include "hotel/place_index_pg.hpp"

extern "C" {
#include <access/table.h>
#include <access/tableam.h>
#include <catalog/namespace.h>
#include <catalog/pg_am_d.h>
#include <catalog/pg_opfamily_d.h>
#include <commands/defrem.h>
#include <storage/lmgr.h>
#include <storage/predicate.h>
#include <utils/acl.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
#include <utils/rls.h>
#include <utils/syscache.h>
}

namespace tenfold::hotel {
namespace {

constexpr const char* schema_name = "hotel";
constexpr const char* table_name = "hotel";
constexpr const char* index_name = "hotel_place";

Oid find_relation(const char* name) {
  const Oid space = get_namespace_oid(schema_name, true);
  const Oid found = OidIsValid(space) ? get_relname_relid(name, space) : InvalidOid;
  if (!OidIsValid(found))
    ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
            errmsg("relation \"%s.%s\" does not exist", schema_name, name),
            errhint("SELECT tenfold.install('hotel');"));
  return found;
}

struct Oids {
  Oid table = InvalidOid, index = InvalidOid;

  bool operator==(const Oids&) const = default;
};

// The two names' last answer, kept until anything in pg_class or pg_namespace changes: the same messages that
// empty the server's own cache of names, which takes 2,000 instructions to ask.
Oids known_oids;
uint64_t changes = 0;

void forget(Datum, int, uint32) {
  known_oids = {};
  changes++;
}

Oids find_relations() {
  if (OidIsValid(known_oids.table)) return known_oids;
  static bool watching = false;
  if (!std::exchange(watching, true))
    for (int cache : {RELOID, NAMESPACEOID}) CacheRegisterSyscacheCallback(cache, forget, 0);
  // A change may be heard of while we look: then this answer serves once.
  const uint64_t before = changes;
  const Oids found{find_relation(table_name), find_relation(index_name)};
  if (before == changes) known_oids = found;
  return found;
}

// Names are looked up before their relations are locked: what was dropped or replaced until then is looked up
// again. Taking a lock hears of every change that was committed before.
Oids lock_relations() {
  while (true) {
    const Oids found = find_relations();
    LockRelationOid(found.table, AccessShareLock);
    LockRelationOid(found.index, AccessShareLock);
    if (find_relations() == found) return found;
    UnlockRelationOid(found.index, AccessShareLock);
    UnlockRelationOid(found.table, AccessShareLock);
  }
}

// The executor would have checked this; we read pages past it, so we check.
void check_rights(Oid table) {
  const AclResult right = pg_class_aclcheck(table, GetUserId(), ACL_SELECT);
  if (right != ACLCHECK_OK) aclcheck_error(right, OBJECT_TABLE, table_name);
  if (check_enable_rls(table, InvalidOid, false) == RLS_ENABLED)
    ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
            errmsg("nearby search cannot apply row-level security of \"%s.%s\"", schema_name, table_name),
            errhint("Search through a SECURITY DEFINER function whose owner bypasses the policies."));
}

// Whether a column of the index is this one of the table, of fixed width and never NULL.
bool has_column(Relation table, Relation index, int position, const char* name, Oid type) {
  const int16 number = index->rd_index->indkey.values[position];
  if (number <= 0) return false;  // an expression
  const Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), number - 1);
  return column->atttypid == type && column->attnotnull && strcmp(NameStr(column->attname), name) == 0;
}

// Whether it leaves out removed hotels, and no others.
bool leaves_out_removed(Relation table, Relation index) {
  if (index->rd_indpred == NIL) list_free(RelationGetIndexPredicate(index));  // keeps it there
  if (list_length(index->rd_indpred) != 1 || !IsA(linitial(index->rd_indpred), NullTest)) return false;
  const auto* test = castNode(NullTest, linitial(index->rd_indpred));
  if (test->nulltesttype != IS_NULL || !IsA(test->arg, Var)) return false;
  const AttrNumber number = castNode(Var, test->arg)->varattno;
  return number > 0 &&
         strcmp(NameStr(TupleDescAttr(RelationGetDescr(table), number - 1)->attname), "removed_at") == 0;
}

// An Entry is the memory of an index tuple, and the search goes by the order of keys: refuse any other shape.
bool has_shape(Relation table, Relation index) {
  const Form_pg_index form = index->rd_index;
  return table->rd_rel->relkind == RELKIND_RELATION && index->rd_rel->relkind == RELKIND_INDEX &&
         index->rd_rel->relam == BTREE_AM_OID && form->indrelid == RelationGetRelid(table) &&
         form->indisvalid && form->indnkeyatts == 1 && form->indnatts == 4 &&
         index->rd_opfamily[0] == INTEGER_BTREE_FAM_OID && !(index->rd_indoption[0] & INDOPTION_DESC) &&
         has_column(table, index, 0, "place_key", INT8OID) &&
         has_column(table, index, 1, "hotel_id", INT8OID) &&
         has_column(table, index, 2, "amenities", INT8OID) &&
         has_column(table, index, 3, "attributes", INT4OID) && leaves_out_removed(table, index);
}

void check_shape(Relation table, Relation index) {
  if (!has_shape(table, index))
    ereport(
        ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
        errmsg("index \"%s.%s\" is not valid or not of the expected shape", schema_name, index_name),
        errhint("DROP INDEX %s.%s; then create it as sql/20_hotel/tables does.", schema_name, index_name));
  // Made beside rows with older versions, which it lacks. A snapshot that sees the index made sees none of
  // those versions.
  if (index->rd_index->indcheckxmin &&
      XidInMVCCSnapshot(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data), GetActiveSnapshot()))
    ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("index \"%s.%s\" is newer than this transaction", schema_name, index_name),
            errhint("Search in a new transaction."));
}

}  // namespace

PlaceIndex::PlaceIndex() {
  pg::call([this] {
    const Oids oids = lock_relations();
    heap_ = table_open(oids.table, NoLock);
    check_rights(RelationGetRelid(heap_));
    Relation index = index_open(oids.index, NoLock);
    check_shape(heap_, index);
    // We read ranges that we do not report to the index's own predicate locks: take the coarsest one.
    PredicateLockRelation(heap_, GetActiveSnapshot());
    tree_ = pg::BTree(heap_, index);
    map_ = pg::VisibilityMap(heap_);
  });
}

void PlaceIndex::close() {
  pg::call([this] {
    tree_.close();
    map_.close();
    // The locks stay until the transaction ends: a TRUNCATE between two pages of a search would show.
    index_close(tree_.index(), NoLock);
    table_close(heap_, NoLock);
  });
}

void PlaceIndex::settle(std::span<Candidate> fresh) {
  tree_.unlock();
  for (Candidate& c : fresh) c.settled = map_.is_all_visible(static_cast<BlockNumber>(c.row >> 16));
}

bool PlaceIndex::is_live(const Candidate& c) {
  ItemPointerData tid = pg::row_tid(c.row);
  return pg::call([&] {
    CHECK_FOR_INTERRUPTS();  // after a mass DELETE a search meets many that are not
    return table_index_fetch_tuple_check(heap_, &tid, GetActiveSnapshot(), nullptr);
  });
}

}  // namespace tenfold::hotel

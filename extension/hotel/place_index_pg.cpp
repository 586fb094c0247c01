#include "hotel/place_index_pg.hpp"

extern "C" {
#include <access/table.h>
#include <access/tableam.h>
#include <catalog/namespace.h>
#include <catalog/pg_am_d.h>
#include <commands/defrem.h>
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

// Whoever reads pages by himself checks by himself what the executor would have checked.
void check_rights(Oid table) {
  const AclResult right = pg_class_aclcheck(table, GetUserId(), ACL_SELECT);
  if (right != ACLCHECK_OK) aclcheck_error(right, OBJECT_TABLE, table_name);
  if (check_enable_rls(table, InvalidOid, false) == RLS_ENABLED)
    ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
            errmsg("nearby search cannot apply row-level security of \"%s.%s\"", schema_name, table_name),
            errhint("Search through a SECURITY DEFINER function whose owner bypasses the policies."));
}

// An Entry is the memory of an index tuple: refuse any other shape.
void check_shape(Relation index) {
  const TupleDesc shape = RelationGetDescr(index);
  const Oid wanted[] = {INT8OID, INT8OID, INT8OID, INT4OID};
  bool fits = index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid && shape->natts == 4 &&
              index->rd_index->indnkeyatts == 1;
  for (int i = 0; fits && i < 4; i++) fits = TupleDescAttr(shape, i)->atttypid == wanted[i];
  if (!fits)
    ereport(
        ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
        errmsg("index \"%s.%s\" is not valid or not of the expected shape", schema_name, index_name),
        errhint("DROP INDEX %s.%s; then create it as sql/20_hotel/tables does.", schema_name, index_name));
}

}  // namespace

PlaceIndex::PlaceIndex() {
  pg::call([this] {
    const Oids oids = find_relations();
    heap_ = table_open(oids.table, AccessShareLock);
    check_rights(RelationGetRelid(heap_));
    Relation index = index_open(oids.index, AccessShareLock);
    check_shape(index);
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
    index_close(tree_.index(), AccessShareLock);
    table_close(heap_, AccessShareLock);
  });
}

void PlaceIndex::settle(std::span<Candidate> fresh) {
  tree_.unlock();
  for (Candidate& c : fresh) c.settled = map_.is_all_visible(static_cast<BlockNumber>(c.row >> 16));
}

bool PlaceIndex::is_live(const Candidate& c) {
  ItemPointerData tid = pg::row_tid(c.row);
  return pg::call([&] { return table_index_fetch_tuple_check(heap_, &tid, GetActiveSnapshot(), nullptr); });
}

}  // namespace tenfold::hotel

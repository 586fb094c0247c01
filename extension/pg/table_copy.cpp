#include "pg/table_copy.hpp"

extern "C" {
#include <catalog/namespace.h>
#include <nodes/makefuncs.h>
#include <utils/inval.h>
#include <utils/snapmgr.h>
}

namespace tenfold::pg {
namespace {

TableCopyBase* first = nullptr;
bool watching = false;

}  // namespace

TableCopyBase::TableCopyBase(const char* schema, const char* table)
    : schema_(schema), table_(table), next_(std::exchange(first, this)) {}

void TableCopyBase::forget(Datum, Oid changed) {
  for (TableCopyBase* copy = first; copy != nullptr; copy = copy->next_)
    if (changed == copy->oid_ || !OidIsValid(changed)) copy->is_fresh_ = false;
}

void TableCopyBase::watch() {
  if (!std::exchange(watching, true)) call([] { CacheRegisterRelcacheCallback(forget, 0); });
}

void TableCopyBase::refill(void (*fill)(TableCopyBase&)) {
  watch();
  // By its name, since an empty table has no row to tell; and both before the snapshot is taken, so that a
  // change seen by neither drops the copy again.
  oid_ = call([this] {
    RangeVar* name = makeRangeVar(pstrdup(schema_), pstrdup(table_), -1);
    return RangeVarGetRelid(name, NoLock, false);
  });
  is_fresh_ = true;
  is_whole_ = false;
  // As the server reads its own catalog: the latest snapshot, and one that may be taken in a parallel query.
  call([this] { PushActiveSnapshot(GetNonHistoricCatalogSnapshot(oid_)); });
  fill(*this);
  call([] { PopActiveSnapshot(); });
  is_whole_ = true;
}

}  // namespace tenfold::pg

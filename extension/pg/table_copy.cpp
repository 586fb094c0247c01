#include "pg/table_copy.hpp"

extern "C" {
#include <utils/inval.h>
#include <utils/snapmgr.h>
}

namespace tenfold::pg {
namespace {

TableCopyBase* first = nullptr;
bool watching = false;

}  // namespace

TableCopyBase::TableCopyBase() : next_(std::exchange(first, this)) {}

void TableCopyBase::forget(Datum, Oid changed) {
  for (TableCopyBase* copy = first; copy != nullptr; copy = copy->next_)
    if (changed == copy->table_ || !OidIsValid(changed)) copy->is_fresh_ = false;
}

void TableCopyBase::watch() {
  if (!std::exchange(watching, true)) call([] { CacheRegisterRelcacheCallback(forget, 0); });
}

void TableCopyBase::refill(Oid (*fill)(TableCopyBase&)) {
  watch();
  // Before the snapshot is taken, so that a change seen by neither drops the copy again.
  is_fresh_ = true;
  try {
    call([] { PushActiveSnapshot(GetLatestSnapshot()); });
    table_ = fill(*this);
    call([] { PopActiveSnapshot(); });
  } catch (const PgError&) {
    is_fresh_ = false;  // a failed fill must not leave half a copy behind
    throw;
  }
}

}  // namespace tenfold::pg

#include "pg/page_insert.hpp"

#include "pg/version.hpp"

extern "C" {
#include <access/tableam.h>
#include <access/xact.h>
#include <miscadmin.h>
}

namespace tenfold::pg {

bool begins_with(Relation table, std::span<const Column> columns) {
  TupleDesc shape = RelationGetDescr(table);
  if (shape->natts < static_cast<int>(columns.size())) return false;
  for (size_t i = 0; i < columns.size(); i++) {
    const FormData_pg_attribute* a = TupleDescAttr(shape, i);
    if (a->attisdropped || a->atttypid != columns[i].type ||
        strcmp(NameStr(a->attname), columns[i].name) != 0)
      return false;
  }
  return true;
}

bool takes_plain_rows(Relation table, std::span<const Column> columns) {
  TupleDesc shape = RelationGetDescr(table);
  return shape->natts == static_cast<int>(columns.size()) && begins_with(table, columns) &&
         table->rd_rel->relkind == RELKIND_RELATION && table->trigdesc == nullptr &&
         !table->rd_rel->relrowsecurity &&
         (shape->constr == nullptr ||
          (shape->constr->num_check == 0 && !shape->constr->has_generated_stored));
}

PageInsert::PageInsert(Relation table, int most)
    : table_(table), state_(CreateExecutorState()), target_(makeNode(ResultRelInfo)) {
  InitResultRelInfo(target_, table, 0, nullptr, 0);
  ExecOpenIndices(target_, false);
  for (int i = 0; i < std::min(most, rows_at_once); i++) slots_[made_++] = table_slot_create(table, nullptr);
}

TupleTableSlot* PageInsert::next() {
  if (filled_ == made_) flush();
  TupleTableSlot* row = slots_[filled_++];
  ExecClearTuple(row);
  return row;
}

void PageInsert::finish() {
  flush();
  for (int i = 0; i < made_; i++) ExecDropSingleTupleTableSlot(slots_[i]);
  ExecCloseIndices(target_);
  FreeExecutorState(state_);
}

void PageInsert::flush() {
  CHECK_FOR_INTERRUPTS();
  MemoryContext caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(state_));
  table_multi_insert(table_, slots_, filled_, GetCurrentCommandId(true), 0, nullptr);
  MemoryContextSwitchTo(caller);
  for (int i = 0; i < filled_; i++) {
    ResetPerTupleExprContext(state_);
    insert_index_tuples(target_, slots_[i], state_);
  }
  filled_ = 0;
}

}  // namespace tenfold::pg

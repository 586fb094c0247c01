// What differs between the Postgres versions we build on. Nothing else asks for PG_VERSION_NUM.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <access/nbtree.h>
#include <executor/executor.h>
#include <storage/bufmgr.h>
#include <utils/snapmgr.h>
}

namespace tenfold::pg {

// The (fast) root of a B-tree, pinned and share-locked; InvalidBuffer while the index is empty.
inline Buffer btree_root(Relation index, [[maybe_unused]] Relation heap) {
#if PG_VERSION_NUM >= 160000
  return _bt_getroot(index, heap, BT_READ);
#else
  return _bt_getroot(index, BT_READ);
#endif
}

// Raises if the page was pruned of rows that a snapshot older than old_snapshot_threshold might want (gone in
// 17).
inline void refuse_old_snapshot([[maybe_unused]] Relation rel, [[maybe_unused]] Page page) {
#if PG_VERSION_NUM < 170000
  TestForOldSnapshot(GetActiveSnapshot(), rel, page);
#endif
}

// Pins a block that was in a buffer not long ago, if it still is: some 120 instructions where the search in
// the shared table of buffers takes 650 and three cache misses.
inline bool pin_recent(Relation rel, ForkNumber fork, BlockNumber block, Buffer recent) {
#if PG_VERSION_NUM >= 160000
  return ReadRecentBuffer(rel->rd_locator, fork, block, recent);
#else
  return ReadRecentBuffer(rel->rd_node, fork, block, recent);
#endif
}

// The index entries of a row that was just inserted.
inline void insert_index_tuples(ResultRelInfo* table, TupleTableSlot* row, EState* state) {
#if PG_VERSION_NUM >= 160000
  ExecInsertIndexTuples(table, row, state, false, false, nullptr, NIL, false);
#else
  ExecInsertIndexTuples(table, row, state, false, false, nullptr, NIL);
#endif
}

}  // namespace tenfold::pg

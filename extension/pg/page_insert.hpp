// Inserts rows as COPY does: pages at a time, one record of WAL for each. No destructor: for code inside
// pg::call.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <executor/executor.h>
}

namespace tenfold::pg {

// A column as our own tables file declares it.
struct Column {
  const char* name;
  Oid type;
};

// Whether a table begins with these columns.
bool begins_with(Relation table, std::span<const Column> columns);

// Whether a row of these columns is all that an insert needs: no other column, no trigger, check or policy.
bool takes_plain_rows(Relation table, std::span<const Column> columns);

class PageInsert {
 public:
  // For at most so many rows.
  PageInsert(Relation table, int most);

  // A row to be filled: all values and nulls, then ExecStoreVirtualTuple. What it points to must live until
  // finish().
  TupleTableSlot* next();
  void finish();

 private:
  static constexpr int rows_at_once = 200;

  void flush();

  Relation table_;
  EState* state_;
  ResultRelInfo* target_;
  TupleTableSlot* slots_[rows_at_once];
  int made_ = 0, filled_ = 0;
};

}  // namespace tenfold::pg

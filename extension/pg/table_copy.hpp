// A copy of a small table in each backend, dropped when the table changes. The table's trigger calls
// tenfold._relation_changed(): a relcache invalidation, which reaches every backend, a standby's too, at
// commit.
#pragma once

#include "pg/call.hpp"

namespace tenfold::pg {

class TableCopyBase {
 protected:
  TableCopyBase();

  bool is_fresh() const { return is_fresh_; }
  // Runs fill under a snapshot of now: one of the caller's, REPEATABLE READ, would make a copy that stays
  // old.
  void refill(Oid (*fill)(TableCopyBase&));

 private:
  static void watch();
  static void forget(Datum, Oid changed);

  bool is_fresh_ = false;
  Oid table_ = InvalidOid;
  TableCopyBase* next_;
};

// Make it a static. Fill reads the table into an empty Content and gives the table's oid (tableoid).
template <class Content, Oid (*Fill)(Content&)>
class TableCopy : TableCopyBase {
 public:
  const Content& current() {
    if (!is_fresh()) refill([](TableCopyBase& self) { return static_cast<TableCopy&>(self).fill(); });
    return content_;
  }

 private:
  Oid fill() {
    content_ = {};
    return Fill(content_);
  }

  Content content_;
};

}  // namespace tenfold::pg

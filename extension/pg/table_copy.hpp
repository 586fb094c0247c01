// A copy of a small table in each backend, dropped when the table changes. The table's trigger calls
// tenfold._relation_changed(): a relcache invalidation, which reaches every backend, a standby's too, at
// commit.
#pragma once

#include "pg/call.hpp"

namespace tenfold::pg {

class TableCopyBase {
 protected:
  TableCopyBase(const char* schema, const char* table);

  bool is_fresh() const { return is_fresh_ && is_whole_; }
  // Runs fill under a snapshot of now: one of the caller's, REPEATABLE READ, would make a copy that stays
  // old.
  void refill(void (*fill)(TableCopyBase&));

 private:
  static void watch();
  static void forget(Datum, Oid changed);

  const char* schema_;
  const char* table_;
  bool is_fresh_ = false;  // no change since fill began
  bool is_whole_ = false;  // fill ended well: a failed one must not leave half a copy behind
  Oid oid_ = InvalidOid;   // of the table as it was found last
  TableCopyBase* next_;
};

// Make it a static of the table's name. Fill reads the table into an empty Content. Who holds what current()
// gave may ask again, or wait: it stays as it is.
template <class Content, void (*Fill)(Content&)>
class TableCopy : TableCopyBase {
 public:
  TableCopy(const char* schema, const char* table) : TableCopyBase(schema, table) {}

  std::shared_ptr<const Content> current() {
    if (!is_fresh()) refill([](TableCopyBase& self) { static_cast<TableCopy&>(self).fill(); });
    return content_;
  }

 private:
  void fill() {
    auto content = std::make_shared<Content>();
    Fill(*content);
    content_ = std::move(content);
  }

  std::shared_ptr<const Content> content_;
};

}  // namespace tenfold::pg

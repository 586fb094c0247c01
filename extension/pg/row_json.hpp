// Rows of a table as JSON, found by where an index says they are: no plan, no executor, one text.
//
//   pg::RowReader rows(table);
//   pg::RowJson names(table, {"name", "city"});
//   if (rows.read(entry.row)) names.append(json, rows);     "name":"Taj Mahal","city":"Mumbai"
//
// Who reads rows like this checks the rights that the executor would have checked.
#pragma once

#include "pg/json_value.hpp"

extern "C" {
#include <access/tableam.h>
}

namespace tenfold::pg {

class RowReader {
 public:
  explicit RowReader(Relation table);

  // Goes to the version that the active snapshot sees, along the chain of updates that share an index entry.
  // False: there is none. The place is row_number()'s.
  bool read(uint64_t place);
  // Goes to this very version, as a ctid names it. False: the active snapshot does not see it, or it is
  // nowhere.
  bool read_version(ItemPointer version);
  // A column of that version, from 0.
  NullableDatum column(int number) const { return {slot_->tts_values[number], slot_->tts_isnull[number]}; }
  // How many of the first columns read() makes ready.
  void want(int columns) { columns_ = std::max(columns_, columns); }

  // Not a destructor: after an error the end of the transaction does it.
  void close();

 private:
  bool made_ready(bool found);

  Relation table_;
  IndexFetchTableData* scan_;
  TupleTableSlot* slot_;
  int columns_ = 0;
};

// Some of a table's columns as members of a JSON object.
class RowJson {
 public:
  // Failure if the table has no such column.
  RowJson(Relation table, std::span<const std::string_view> columns, RowReader& rows);

  // Members of the row that was read last, with commas between them; without a row each is null.
  void append(JsonText& json, const RowReader& rows, bool has_row) const;

 private:
  struct Member {
    std::string key;
    int column;
    JsonType type;
  };
  std::vector<Member> members_;
};

}  // namespace tenfold::pg

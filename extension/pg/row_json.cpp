#include "pg/row_json.hpp"

#include <algorithm>

#include "pg/btree.hpp"

extern "C" {
#include <access/tableam.h>
#include <storage/bufmgr.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
}

namespace tenfold::pg {
namespace {

int column_of(Relation table, std::string_view name) {
  const TupleDesc shape = RelationGetDescr(table);
  for (int i = 0; i < shape->natts; i++) {
    const Form_pg_attribute column = TupleDescAttr(shape, i);
    if (!column->attisdropped && name == NameStr(column->attname)) return i;
  }
  throw Failure{{Code::wrong_type,
                 "table \"" + std::string(RelationGetRelationName(table)) + "\" has no column \"" +
                     std::string(name) + "\"",
                 "Was the table altered? Give it back the column that the installer gave it."}};
}

// "name":
std::string key_of(std::string_view name) {
  JsonText key;
  key.string(name);
  key.raw(":");
  return std::string(key.view());
}

Oid type_of(Relation table, int column) {
  return TupleDescAttr(RelationGetDescr(table), column)->atttypid;
}

}  // namespace

RowReader::RowReader(Relation table) : table_(table) {
  call([&] {
    scan_ = table_index_fetch_begin(table);
    slot_ = table_slot_create(table, nullptr);
  });
}

bool RowReader::read(uint64_t place) {
  return call([&] {
    ItemPointerData tid = row_tid(place);
    bool has_more = false;
    return made_ready(table_index_fetch_tuple(scan_, &tid, GetActiveSnapshot(), slot_, &has_more, nullptr));
  });
}

bool RowReader::read_version(ItemPointer version) {
  return call([&] {
    return made_ready(ItemPointerIsValid(version) &&
                      ItemPointerGetBlockNumber(version) < RelationGetNumberOfBlocks(table_) &&
                      table_tuple_fetch_row_version(table_, version, GetActiveSnapshot(), slot_));
  });
}

bool RowReader::made_ready(bool found) {
  if (found) slot_getsomeattrs(slot_, columns_);
  return found;
}

void RowReader::close() {
  call([this] {
    ExecDropSingleTupleTableSlot(slot_);
    table_index_fetch_end(scan_);
  });
}

RowJson::RowJson(Relation table, std::span<const std::string_view> columns, RowReader& rows) {
  members_.reserve(columns.size());
  for (const std::string_view name : columns) {
    const int column = column_of(table, name);
    members_.push_back({key_of(name), column, JsonType(type_of(table, column))});
    rows.want(column + 1);
  }
}

void RowJson::append(JsonText& json, const RowReader& rows, bool has_row) const {
  for (const Member& member : members_) {
    if (&member != members_.data()) json.raw(",");
    json.raw(member.key);
    const NullableDatum value = has_row ? rows.column(member.column) : NullableDatum{0, true};
    value.isnull ? json.raw("null") : member.type.append(json, value.value);
  }
}

}  // namespace tenfold::pg

#include <map>

#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/spi.hpp"
#include "pg/table_copy.hpp"
#include "pg/version.hpp"

extern "C" {
#include <access/detoast.h>
#include <access/heapam.h>
#include <access/table.h>
#include <access/tableam.h>
#include <access/xlog.h>
#include <catalog/namespace.h>
#include <catalog/pg_type.h>
#include <commands/sequence.h>
#include <executor/executor.h>
#include <utils/array.h>
#include <utils/jsonb.h>
#include <utils/lsyscache.h>
#include <utils/memutils.h>
#include <utils/snapmgr.h>
#include <utils/timestamp.h>
#include <utils/xid8.h>
}

namespace pg = tenfold::pg;

namespace {

// The columns of tenfold.event, in their order.
enum Column { event_id, xid, published_at, incarnation, topic_id, slot, key, payload, headers, columns };
constexpr const char* names[columns] = {"event_id", "xid", "published_at", "incarnation", "topic_id",
                                        "slot",     "key", "payload",      "headers"};
constexpr int rows_at_once = 200;

// The elements of an array argument; after them, and where it is NULL, NULLs.
struct Elements {
  Datum* values = nullptr;
  bool* nulls = nullptr;
  int count = 0;

  static Elements of_one(NullableDatum* one) { return {&one->value, &one->isnull, 1}; }
  bool is_null(int i) const { return i >= count || nulls[i]; }
};

Elements elements(FunctionCallInfo info, int argument, Oid type) {
  Elements e;
  if (!info->args[argument].isnull)
    deconstruct_array(DatumGetArrayTypeP(info->args[argument].value), type, -1, false, TYPALIGN_INT,
                      &e.values, &e.nulls, &e.count);
  return e;
}

// The bytes of a JSON value's text, as jsonb::text would give it, without writing it.
int text_bytes(const JsonbContainer* json);

int text_bytes_of_string(const char* text, int length) {
  int bytes = length + 2;
  for (int i = 0; i < length; i++) {
    const unsigned char c = text[i];
    if (c == '"' || c == '\\' || c == '\b' || c == '\f' || c == '\n' || c == '\r' || c == '\t')
      bytes += 1;
    else if (c < ' ')
      bytes += 5;
  }
  return bytes;
}

int text_bytes_of_entry(JEntry entry, const char* data, uint32 offset, int length) {
  if (JBE_ISSTRING(entry)) return text_bytes_of_string(data + offset, length);
  if (JBE_ISBOOL_FALSE(entry)) return 5;
  if (JBE_ISBOOL_TRUE(entry) || JBE_ISNULL(entry)) return 4;
  const char* aligned = data + INTALIGN(offset);
  if (JBE_ISCONTAINER(entry)) return text_bytes(reinterpret_cast<const JsonbContainer*>(aligned));
  return strlen(DatumGetCString(DirectFunctionCall1(numeric_out, PointerGetDatum(aligned))));
}

int text_bytes(const JsonbContainer* json) {
  check_stack_depth();
  const int parts = JsonContainerSize(json), entries = JsonContainerIsObject(json) ? 2 * parts : parts;
  const char* data = reinterpret_cast<const char*>(&json->children[entries]);
  // Brackets, and ", " or ": " between two.
  int bytes = JsonContainerIsScalar(json) ? 0 : 2 + 2 * std::max(0, entries - 1);
  uint32 offset = 0;
  for (int i = 0; i < entries; i++) {
    const JEntry entry = json->children[i];
    bytes += text_bytes_of_entry(entry, data, offset, getJsonbLength(json, i));
    JBE_ADVANCE_OFFSET(offset, entry);
  }
  return bytes;
}

int text_bytes(Datum json) {
  return text_bytes(&DatumGetJsonbP(json)->root);
}

bool is_object_of_texts(Datum json) {
  Jsonb* value = DatumGetJsonbP(json);
  if (!JB_ROOT_IS_OBJECT(value)) return false;
  const int pairs = JB_ROOT_COUNT(value);
  for (int i = pairs; i < 2 * pairs; i++)  // after the names
    if (!JBE_ISSTRING(value->root.children[i])) return false;
  return true;
}

struct Limits {
  int bytes, key_bytes;
};

// The number of the first event, from 1, that is not taken; 0: all are. Memory of each is given back: the set
// may be large.
int first_refused(const Elements& keys, const Elements& payloads, const Elements& heads, Limits most) {
  MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "tenfold event", ALLOCSET_DEFAULT_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(own);
  int refused = 0;
  for (int i = 0; i < payloads.count && refused == 0; i++) {
    CHECK_FOR_INTERRUPTS();
    const int key_bytes = keys.is_null(i) ? 0 : toast_raw_datum_size(keys.values[i]) - VARHDRSZ;
    int bytes = key_bytes + 2;
    if (!payloads.nulls[i]) bytes += text_bytes(payloads.values[i]);
    if (!heads.is_null(i)) bytes += text_bytes(heads.values[i]) - 2;
    if (payloads.nulls[i] || bytes > most.bytes || key_bytes > most.key_bytes ||
        (!heads.is_null(i) && !is_object_of_texts(heads.values[i])))
      refused = i + 1;
    MemoryContextReset(own);
  }
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(own);
  return refused;
}

// Whether a row of our columns is all that an insert needs.
bool is_plain(Relation table) {
  TupleDesc shape = RelationGetDescr(table);
  if (shape->natts != columns || table->trigdesc != nullptr || table->rd_rel->relrowsecurity ||
      table->rd_rel->relkind != RELKIND_RELATION ||
      (shape->constr != nullptr && shape->constr->num_check > 0))
    return false;
  for (int i = 0; i < columns; i++)
    if (strcmp(NameStr(TupleDescAttr(shape, i)->attname), names[i]) != 0) return false;
  return true;
}

// What COPY does: pages at a time, one record of WAL for each.
class Insert {
 public:
  Insert(Relation table, int most)
      : table_(table), state_(CreateExecutorState()), target_(makeNode(ResultRelInfo)) {
    InitResultRelInfo(target_, table, 0, nullptr, 0);
    ExecOpenIndices(target_, false);
    for (int i = 0; i < std::min(most, rows_at_once); i++)
      slots_[made_++] = table_slot_create(table, nullptr);
  }

  // A row's place to be filled, of its columns' values and nulls.
  TupleTableSlot* next() {
    if (filled_ == made_) flush();
    TupleTableSlot* row = slots_[filled_++];
    ExecClearTuple(row);
    return row;
  }

  void finish() {
    flush();
    for (int i = 0; i < made_; i++) ExecDropSingleTupleTableSlot(slots_[i]);
    ExecCloseIndices(target_);
    FreeExecutorState(state_);
  }

 private:
  void flush() {
    CHECK_FOR_INTERRUPTS();
    MemoryContext caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(state_));
    table_multi_insert(table_, slots_, filled_, GetCurrentCommandId(true), 0, nullptr);
    MemoryContextSwitchTo(caller);
    for (int i = 0; i < filled_; i++) {
      ResetPerTupleExprContext(state_);
      pg::insert_index_tuples(target_, slots_[i], state_);
    }
    filled_ = 0;
  }

  Relation table_;
  EState* state_;
  ResultRelInfo* target_;
  TupleTableSlot* slots_[rows_at_once];
  int made_ = 0, filled_ = 0;
};

// Where events go, as Datums of their columns.
struct Place {
  Datum incarnation, topic_id, slot;
};

// Gives the last id; 0: the set is empty.
int64 insert_events(Relation table, Oid sequence, const Place& place, const Elements& keys,
                    const Elements& payloads, const Elements& heads) {
  const Datum published_in = FullTransactionIdGetDatum(GetTopFullTransactionId());
  const Datum now = TimestampTzGetDatum(GetCurrentTimestamp());
  const Datum no_headers = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
  int64 id = 0;
  Insert insert(table, payloads.count);
  for (int i = 0; i < payloads.count; i++) {
    TupleTableSlot* row = insert.next();
    memset(row->tts_isnull, 0, columns);
    row->tts_isnull[key] = keys.is_null(i);
    row->tts_values[event_id] = Int64GetDatum(id = nextval_internal(sequence, false));
    row->tts_values[xid] = published_in;
    row->tts_values[published_at] = now;
    row->tts_values[incarnation] = place.incarnation;
    row->tts_values[topic_id] = place.topic_id;
    row->tts_values[slot] = place.slot;
    row->tts_values[key] = keys.is_null(i) ? 0 : keys.values[i];
    row->tts_values[payload] = payloads.values[i];
    row->tts_values[headers] = heads.is_null(i) ? no_headers : heads.values[i];
    ExecStoreVirtualTuple(row);
  }
  insert.finish();
  return id;
}

// As above; nothing, and nothing is done, if the table is not as we made it.
std::optional<int64_t> append(const Place& place, const Elements& keys, const Elements& payloads,
                              const Elements& heads) {
  const Oid schema = get_namespace_oid("tenfold", false);
  char name[NAMEDATALEN];
  snprintf(name, sizeof name, "event_%d", DatumGetInt16(place.slot));
  Relation table = table_open(get_relname_relid(name, schema), RowExclusiveLock);
  std::optional<int64_t> last;
  if (is_plain(table))
    last = insert_events(table, get_relname_relid("event_id", schema), place, keys, payloads, heads);
  table_close(table, NoLock);
  return last;
}

// What tenfold._event_place() says, without a plan. The lock stays, and comes before the snapshot: see
// tenfold._open_incarnation().
void read_place(Place& place) {
  enum { slot_column = 1, incarnation_column = 3, identifier_column = 4, written_by_column = 5 };
  Relation state =
      table_open(get_relname_relid("event_state", get_namespace_oid("tenfold", false)), AccessShareLock);
  Snapshot now = RegisterSnapshot(GetLatestSnapshot());
  TableScanDesc scan = table_beginscan(state, now, 0, nullptr);
  TupleTableSlot* row = table_slot_create(state, nullptr);
  if (!table_scan_getnextslot(scan, ForwardScanDirection, row)) elog(ERROR, "tenfold.event_state is empty");
  slot_getallattrs(row);
  bool is_ours = false;
  HeapTuple tuple = ExecFetchSlotHeapTuple(row, false, &is_ours);
  const bool is_copy =
      static_cast<uint64>(DatumGetInt64(row->tts_values[identifier_column])) != GetSystemIdentifier() ||
      DatumGetTransactionId(row->tts_values[written_by_column]) != HeapTupleHeaderGetRawXmin(tuple->t_data);
  place.slot = row->tts_values[slot_column];
  place.incarnation = Int32GetDatum(DatumGetInt32(row->tts_values[incarnation_column]) + is_copy);
  ExecDropSingleTupleTableSlot(row);
  table_endscan(scan);
  UnregisterSnapshot(now);
  table_close(state, NoLock);
}

// The rows of tenfold.topic that have no schema.
struct Topic {
  int32_t id, max_bytes;
};
using Topics = std::map<std::string, Topic, std::less<>>;

void read_topics(Topics& topics) {
  static pg::spi::Query query("SELECT name, topic_id, max_bytes FROM tenfold.topic WHERE schema IS NULL");
  pg::spi::for_each(query, [&](const pg::spi::Row& row) {
    topics[std::string(*row.get<std::string_view>(0))] = {*row.get<int32_t>(1), *row.get<int32_t>(2)};
  });
}

pg::TableCopy<Topics, read_topics> topics("tenfold", "topic");

}  // namespace

TF_FUNCTION(tf_system_identifier) {
  return pg::datum(static_cast<int64_t>(GetSystemIdentifier()));
}

TF_FUNCTION(tf_first_refused_event) {
  FunctionCallInfo info = args.info();
  const Limits most{args.get<int32_t>(3, "max_bytes"), args.get<int32_t>(4, "max_key_bytes")};
  const int32_t refused = pg::call([&] {
    return first_refused(elements(info, 0, TEXTOID), elements(info, 1, JSONBOID), elements(info, 2, JSONBOID),
                         most);
  });
  return refused == 0 ? args.null() : pg::datum(refused);
}

TF_FUNCTION(tf_insert_events) {
  FunctionCallInfo info = args.info();
  const auto id = pg::call([info] {
    const Place place{info->args[0].value, info->args[1].value, info->args[2].value};
    return append(place, elements(info, 3, TEXTOID), elements(info, 4, JSONBOID),
                  elements(info, 5, JSONBOID));
  });
  return id ? pg::datum(*id) : args.null();
}

TF_FUNCTION(tf_publish) {
  if (args.is_null(0)) return args.null();
  const auto& known = topics.current();
  const auto topic = known.find(args.get<std::string_view>(0, "topic"));
  if (topic == known.end()) return args.null();
  FunctionCallInfo info = args.info();
  const Topic to = topic->second;
  const auto id = pg::call([info, to]() -> std::optional<int64_t> {
    const Elements keys = Elements::of_one(&info->args[1]), payloads = Elements::of_one(&info->args[2]),
                   heads = Elements::of_one(&info->args[3]);
    if (first_refused(keys, payloads, heads, {to.max_bytes, 1024}) != 0) return std::nullopt;
    Place place{0, Int32GetDatum(to.id), 0};
    read_place(place);
    return append(place, keys, payloads, heads);
  });
  return id ? pg::datum(*id) : args.null();
}

#include <map>

#include "pg/datum.hpp"
#include "pg/elements.hpp"
#include "pg/guard.hpp"
#include "pg/jsonb.hpp"
#include "pg/page_insert.hpp"
#include "pg/spi.hpp"
#include "pg/table_copy.hpp"

extern "C" {
#include <access/detoast.h>
#include <access/heapam.h>
#include <access/table.h>
#include <access/tableam.h>
#include <access/xlog.h>
#include <catalog/namespace.h>
#include <commands/sequence.h>
#include <utils/lsyscache.h>
#include <utils/snapmgr.h>
#include <utils/timestamp.h>
#include <utils/xid8.h>
}

namespace pg = tenfold::pg;

namespace {

using pg::Elements;

// The columns of tenfold.event, in their order.
namespace event {
enum { event_id, xid, published_at, incarnation, topic_id, bytes, slot, key, payload, headers, count };
constexpr pg::Column columns[count] = {
    {"event_id", INT8OID},    {"xid", XID8OID},      {"published_at", TIMESTAMPTZOID},
    {"incarnation", INT4OID}, {"topic_id", INT4OID}, {"bytes", INT4OID},
    {"slot", INT2OID},        {"key", TEXTOID},      {"payload", JSONBOID},
    {"headers", JSONBOID}};
}  // namespace event

// Those of tenfold.event_state.
namespace state {
enum { one_row, slot, slot_since, incarnation, system_identifier, written_by, count };
constexpr pg::Column columns[count] = {{"one_row", BOOLOID},           {"slot", INT2OID},
                                       {"slot_since", TIMESTAMPTZOID}, {"incarnation", INT4OID},
                                       {"system_identifier", INT8OID}, {"written_by", XIDOID}};
}  // namespace state

constexpr int most_key_bytes = 1024;

// A set of events, as SQL gives it. A key or headers of NULL: none.
struct Events {
  Elements keys, payloads, headers;

  int count() const { return payloads.count; }
};

void refuse_other_counts(int keys, int payloads, int headers) {
  ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
          errmsg("%d keys and %d headers for %d payloads", keys, headers, payloads),
          errhint("As many of each; keys or headers of NULL: none at all."));
}

Events events_of(FunctionCallInfo info, int first) {
  const NullableDatum* a = info->args + first;
  const Events e{Elements::of(a[0], TEXTOID, "keys"), Elements::of(a[1], JSONBOID, "payloads"),
                 Elements::of(a[2], JSONBOID, "headers")};
  if ((!a[0].isnull && e.keys.count != e.count()) || (!a[2].isnull && e.headers.count != e.count()))
    refuse_other_counts(e.keys.count, e.count(), e.headers.count);
  return e;
}

// The bytes of an event as text; 0: its topic does not take it.
int32_t bytes_of(const Events& e, int i, int32_t most) {
  if (e.payloads.is_null(i)) return 0;
  const int64_t key = e.keys.is_null(i) ? 0 : toast_raw_datum_size(e.keys.values[i]) - VARHDRSZ;
  int64_t headers = 2;
  if (!e.headers.is_null(i)) {
    // type: Elements::of
    const Jsonb* value = DatumGetJsonbP(e.headers.values[i]);
    if (!pg::jsonb_is_object_of_texts(value)) return 0;
    headers = pg::jsonb_text_bytes(value, most);
  }
  if (key > most_key_bytes || key + headers > most) return 0;
  const int64_t all =  // type: Elements::of
      key + headers + pg::jsonb_text_bytes(DatumGetJsonbP(e.payloads.values[i]), most - key - headers);
  return all > most ? 0 : static_cast<int32_t>(all);
}

// The bytes of each event; NULL: one is not taken. What is detoasted is given back: the set may be large.
const int32_t* measure(const Events& e, int32_t most) {
  auto* bytes =
      static_cast<int32_t*>(MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32_t) * (e.count() + 1)));
  MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "tenfold event", ALLOCSET_DEFAULT_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(own);
  bool all = true;
  for (int i = 0; i < e.count() && all; i++) {
    CHECK_FOR_INTERRUPTS();
    all = (bytes[i] = bytes_of(e, i, most)) != 0;
    MemoryContextReset(own);
  }
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(own);
  return all ? bytes : nullptr;
}

// Where events go now.
struct Place {
  int16_t slot;
  int32_t incarnation;
  bool is_copy;  // of the database, whose incarnation is not open yet: its publishers are ahead of its first
                 // tick
};

void refuse_changed_state() {
  ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
          errmsg("tenfold.event_state has other columns than tenfold gave it, or no row"),
          errhint("Undo what was altered: every event is written by what it says."));
}

Place place_in(TupleTableSlot* row) {
  const auto value = [row](int column) {
    if (row->tts_isnull[column]) refuse_changed_state();
    return row->tts_values[column];
  };
  slot_getallattrs(row);
  bool is_ours = false;
  HeapTuple tuple = ExecFetchSlotHeapTuple(row, false, &is_ours);
  // type: state::columns, which were compared, here and below
  const auto written_on = static_cast<uint64>(DatumGetInt64(value(state::system_identifier)));
  // type: …
  const TransactionId written_by = DatumGetTransactionId(value(state::written_by));
  const bool is_copy =
      written_on != GetSystemIdentifier() || written_by != HeapTupleHeaderGetRawXmin(tuple->t_data);
  // type: …
  return {DatumGetInt16(value(state::slot)), DatumGetInt32(value(state::incarnation)) + is_copy, is_copy};
}

// Under a snapshot of now, whatever the transaction's isolation. The lock stays, and comes before the
// snapshot: tenfold._open_incarnation() waits for those that have read the row.
Place read_place() {
  Relation table =
      table_open(get_relname_relid("event_state", get_namespace_oid("tenfold", false)), AccessShareLock);
  if (!pg::begins_with(table, state::columns)) refuse_changed_state();
  Snapshot now = RegisterSnapshot(GetLatestSnapshot());
  TableScanDesc scan = table_beginscan(table, now, 0, nullptr);
  TupleTableSlot* row = table_slot_create(table, nullptr);
  if (!table_scan_getnextslot(scan, ForwardScanDirection, row)) refuse_changed_state();
  const Place place = place_in(row);
  ExecDropSingleTupleTableSlot(row);
  table_endscan(scan);
  UnregisterSnapshot(now);
  table_close(table, NoLock);
  return place;
}

// Gives the last id; 0: the set is empty. The transaction has its id before an event has its own: ticks rely
// on that.
int64 insert_events(Relation table, Oid sequence, Place place, int32_t topic_id, const Events& e,
                    const int32_t* bytes) {
  const Datum published_in = FullTransactionIdGetDatum(GetTopFullTransactionId());
  const Datum now = TimestampTzGetDatum(GetCurrentTimestamp());
  const Datum no_headers = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
  int64 id = 0;
  pg::PageInsert insert(table, e.count());
  for (int i = 0; i < e.count(); i++) {
    TupleTableSlot* row = insert.next();
    memset(row->tts_isnull, 0, event::count);
    row->tts_isnull[event::key] = e.keys.is_null(i);
    row->tts_values[event::event_id] = Int64GetDatum(id = nextval_internal(sequence, false));
    row->tts_values[event::xid] = published_in;
    row->tts_values[event::published_at] = now;
    row->tts_values[event::incarnation] = Int32GetDatum(place.incarnation);
    row->tts_values[event::topic_id] = Int32GetDatum(topic_id);
    row->tts_values[event::bytes] = Int32GetDatum(bytes[i]);
    row->tts_values[event::slot] = Int16GetDatum(place.slot);
    row->tts_values[event::key] = e.keys.is_null(i) ? 0 : e.keys.values[i];
    row->tts_values[event::payload] = e.payloads.values[i];
    row->tts_values[event::headers] = e.headers.is_null(i) ? no_headers : e.headers.values[i];
    ExecStoreVirtualTuple(row);
  }
  insert.finish();
  return id;
}

// The rows of tenfold.topic, as far as publishing asks.
struct Topic {
  int32_t id, max_bytes;
};

// As above; nothing, and nothing is done, if an event is not taken or the table is not as we made it.
std::optional<int64_t> append(Topic to, const Events& e) {
  const int32_t* bytes = measure(e, to.max_bytes);
  if (bytes == nullptr) return std::nullopt;
  const Place place = read_place();
  const Oid schema = get_namespace_oid("tenfold", false);
  char name[NAMEDATALEN];
  snprintf(name, sizeof name, "event_%d", place.slot);
  Relation table = table_open(get_relname_relid(name, schema), RowExclusiveLock);
  std::optional<int64_t> last;
  if (pg::takes_plain_rows(table, event::columns))
    last = insert_events(table, get_relname_relid("event_id", schema), place, to.id, e, bytes);
  table_close(table, NoLock);
  return last;
}

using Topics = std::map<std::string, Topic, std::less<>>;

void read_topics(Topics& topics) {
  static pg::spi::Query query("SELECT name, topic_id, max_bytes FROM tenfold.topic WHERE schema IS NULL");
  pg::spi::for_each(query, [&](const pg::spi::Row& row) {
    topics[std::string(row.required<std::string_view>(0))] = {row.required<int32_t>(1),
                                                              row.required<int32_t>(2)};
  });
}

pg::TableCopy<Topics, read_topics> topics("tenfold", "topic");

}  // namespace

TF_FUNCTION(tf_system_identifier) {
  return pg::datum(static_cast<int64_t>(GetSystemIdentifier()));
}

TF_FUNCTION(tf_event_place) {
  const Place place = pg::call([] { return read_place(); });
  const NullableDatum row[] = {pg::nullable(place.slot), pg::nullable(place.incarnation),
                               pg::nullable(place.is_copy)};
  return pg::row_datum(args.info(), row);
}

TF_FUNCTION(tf_count_events) {
  FunctionCallInfo info = args.info();
  return pg::datum(int32_t{pg::call([info] { return events_of(info, 0).count(); })});
}

TF_FUNCTION(tf_insert_events) {
  const Topic to{args.get<int32_t>(0, "topic_id"), args.get<int32_t>(1, "max_bytes")};
  FunctionCallInfo info = args.info();
  const auto id = pg::call([info, to] { return append(to, events_of(info, 2)); });
  return id ? pg::datum(*id) : args.null();
}

TF_FUNCTION(tf_publish) {
  if (args.is_null(0)) return args.null();
  const auto known = topics.current();
  const auto topic = known->find(args.get<std::string_view>(0, "topic"));
  if (topic == known->end()) return args.null();
  FunctionCallInfo info = args.info();
  const Topic to = topic->second;
  const auto id = pg::call([info, to] {
    const Events one{Elements::of_one(&info->args[1]), Elements::of_one(&info->args[2]),
                     Elements::of_one(&info->args[3])};
    return append(to, one);
  });
  return id ? pg::datum(*id) : args.null();
}

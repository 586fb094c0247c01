#include "workers/relay/marker.hpp"

#include <nlohmann/json.hpp>

namespace tenfold::relay {
namespace {

using nlohmann::json;
using Kind = Decision::Kind;

constexpr const char* adopt_database =
    "SELECT tenfold.adopt_kafka_marker(consumer, 'database') goes on after the last tick that the database "
    "knows "
    "to be in Kafka: what Kafka got since then, it gets again";
constexpr const char* adopt_kafka =
    "SELECT tenfold.adopt_kafka_marker(consumer, 'kafka') goes on after the marker: no tick is sent twice";

std::string tick_text(int64_t tick) {
  return "tick " + std::to_string(tick);
}

Marker marker_of(const DatabaseState& database, int64_t retry) {
  return {database.position, database.identity, "", retry};
}

Decision refuse(std::string reason, bool kafka_may_be_right) {
  return {Kind::refuse,
          {},
          std::move(reason),
          kafka_may_be_right ? std::string(adopt_kafka) + ". " + adopt_database : adopt_database};
}

// The database holds the very tick that the marker names: both tell one story up to there. The position's own
// may be gone from the log by now, and an operator's word has no content.
bool agree(const Marker& marker, const DatabaseState& database) {
  if (marker.fingerprint.empty() || database.fingerprint.empty()) return marker.tick == database.position;
  return marker.tick <= database.newest && marker.fingerprint == database.fingerprint;
}

Decision without_marker(const DatabaseState& database) {
  if (!database.has_relayed)
    return {Kind::rewrite, marker_of(database, 0),
            "this database has never been relayed: begins after " + tick_text(database.position)};
  return refuse("Kafka has lost the marker: this database was relayed up to " + tick_text(database.position) +
                    " at least, and the group has no offset (it expired, or these are other brokers)",
                false);
}

Decision of_another(const Marker& marker, const DatabaseState& database) {
  const bool known = agree(marker, database);
  return refuse("the marker in Kafka is of another database: " + marker.database + ", this is " +
                    database.identity +
                    (known ? "; but this one knows " + tick_text(marker.tick) + " too, as a copy would"
                           : "; and this one does not know the marker's " + tick_text(marker.tick)),
                known);
}

Decision of_this(const Marker& marker, const DatabaseState& database) {
  if (marker.tick < database.position)
    return refuse("the database is ahead of Kafka: it was relayed up to " + tick_text(database.position) +
                      ", and the marker says " + tick_text(marker.tick) + ": Kafka lost what came between",
                  false);
  if (marker.tick > database.newest)
    return refuse("the database is behind Kafka: its newest is " + tick_text(database.newest) +
                      ", and the marker says " + tick_text(marker.tick) +
                      ": it was restored from before that, and ticks of these ids will have other events",
                  false);
  if (!agree(marker, database))
    return refuse(
        "the database has another " + tick_text(marker.tick) +
            " than the one that Kafka got: it was restored, or failed over to a standby that had not got "
            "everything",
        false);
  if (marker.retry > database.retry)
    return refuse(
        "Kafka has redriven events of which this database does not know that: it failed over to a standby "
        "that had not got everything, and will send them again",
        true);
  return {Kind::go, marker};
}

// An operator's word. Believing Kafka needs a marker whose tick this database has.
std::optional<Decision> adopted(const std::optional<Marker>& marker, const DatabaseState& database) {
  const int64_t retry = marker ? marker->retry : 0;
  if (database.trust == Trust::database)
    return Decision{Kind::rewrite, marker_of(database, retry),
                    "as an operator said, goes on after " + tick_text(database.position)};
  if (database.trust == Trust::kafka && marker && marker->tick >= database.position &&
      agree(*marker, database))
    return Decision{Kind::rewrite,
                    {marker->tick, database.identity, marker->fingerprint, retry},
                    "as an operator said, goes on after Kafka's " + tick_text(marker->tick)};
  return std::nullopt;
}

}  // namespace

std::string metadata_of(const Marker& marker) {
  return json{{"database", marker.database}, {"tick", marker.fingerprint}, {"retry", marker.retry}}.dump();
}

Result<Marker> read_marker(int64_t offset, std::string_view metadata) {
  const json whole = json::parse(metadata, nullptr, false);
  if (!whole.is_object() || !whole.contains("database") || !whole["database"].is_string() ||
      !whole.value("tick", json()).is_string() || !whole.value("retry", json()).is_number_integer())
    return Error{Code::invalid_parameter, "the group's offset has metadata that no relay wrote",
                 "another program uses this consumer group: choose another relay.name"};
  return Marker{offset, whole["database"], whole["tick"], whole["retry"]};
}

Decision decide(const std::optional<Marker>& marker, const DatabaseState& database) {
  Decision plain = !marker                                 ? without_marker(database)
                   : marker->database != database.identity ? of_another(*marker, database)
                                                           : of_this(*marker, database);
  if (plain.kind != Kind::refuse) return plain;
  return adopted(marker, database).value_or(plain);
}

}  // namespace tenfold::relay

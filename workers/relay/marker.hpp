// Where a relay goes on: what Kafka's marker says, held against what the database says. Pure.
//
// The marker is a consumer-group offset that each Kafka transaction commits beside its events: the last tick
// whose events Kafka has. Its metadata names the database, and the content of that tick: ids of ticks repeat
// after a restore or a fail-over, their content does not.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/result.hpp"

namespace tenfold::relay {

struct Marker {
  int64_t tick = 0;
  std::string database;     // its identity
  std::string fingerprint;  // of the tick
  int64_t retry = 0;        // the last batch of retries that Kafka has

  bool operator==(const Marker&) const = default;
};

// As the metadata of the offset, and back. An error for metadata that is not ours.
std::string metadata_of(const Marker& marker);
Result<Marker> read_marker(int64_t offset, std::string_view metadata);

// Whom an operator told the relay to believe, once: tenfold.adopt_kafka_marker().
enum class Trust { nobody, database, kafka };

struct DatabaseState {
  std::string identity;
  int64_t position = 0;  // the tick up to which the database knows that Kafka has the events
  int64_t newest = 0;    // tick
  bool has_relayed = false;
  std::string fingerprint;  // of the tick that the marker names; empty: the database has no such tick
  Trust trust = Trust::nobody;
  int64_t retry = 0;  // the last batch of retries that it knows of; noted before Kafka gets it
};

struct Decision {
  enum class Kind {
    go,       // ticks up to the marker are only finished, later ones sent
    rewrite,  // the same, but first Kafka gets the marker of this Decision
    refuse,
  };

  Kind kind = Kind::refuse;
  Marker marker = {};
  std::string reason = {};  // what was found, where it is not the usual
  std::string hint = {};    // of a refusal: how an operator goes on
};

// What to do at a start. marker: nothing if Kafka has none.
Decision decide(const std::optional<Marker>& marker, const DatabaseState& database);

}  // namespace tenfold::relay

// A partition of Kafka that is ours, and what may happen to it. Pure.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace tenfold::sidecar {

using KafkaName = std::pair<std::string, int>;  // of a partition: topic and number

enum class PlaceState {
  ready,     // what comes for it may be taken
  applying,  // messages are with the target
  resting,   // they could not be applied; it is let alone for a while
  stale,     // what Postgres knows of it is asked anew, and it begins there
  leaving,   // another's by now, and the target still has messages of it
  gone,      // another's. A lease that comes back makes a new place
};

enum class PlaceNews {
  taken,    // messages were taken for the target
  applied,  // all of them
  left,     // not all of them, and nothing is wrong
  failed,   // not all of them, for a reason that may pass
  rested,   // the pause after that is over
  found,    // Postgres says how far it is, under the same lease
  lost,     // its lease is another's, or a new one
};

// What is told in a state that it means nothing to changes nothing.
PlaceState after(PlaceState state, PlaceNews news);

struct KafkaPlace {
  KafkaName name;
  int64_t epoch;
  int64_t next;     // the offset that Postgres knows
  int64_t read_to;  // what is before it is applied, or being so
  PlaceState state = PlaceState::ready;
  bool is_moved = true;  // Kafka has to be told where reading begins

  std::string text() const { return name.first + "/" + std::to_string(name.second); }
  void take(PlaceNews news) { state = after(state, news); }
  bool is_with_target() const { return state == PlaceState::applying || state == PlaceState::leaving; }
  bool is_ours() const { return state != PlaceState::leaving && state != PlaceState::gone; }
  void begin_at(int64_t offset) {
    next = read_to = offset;
    is_moved = true;
  }
};

}  // namespace tenfold::sidecar

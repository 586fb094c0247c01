// A partition of Kafka that is ours, and what may happen to it. Pure.
#pragma once

#include "kernel/wall.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
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

// The message before the offset that Postgres knows is looked at before any is taken: where Kafka has another
// one there, the topic was made anew, and its messages are none that were waited for.
enum class PlaceProof { none, same, other };

struct KafkaPlace {
  using Clock = std::chrono::steady_clock;

  KafkaName name;
  int64_t epoch;
  int64_t next = 0;                     // the offset that Postgres knows
  std::optional<int64_t> made_at = {};  // the message before it
  int64_t read_to = 0;                  // what is before it is applied, or being so
  bool is_proved = true;
  std::optional<Clock::time_point> quiet_since = {};  // nothing came since, though it was waited for
  PlaceState state = PlaceState::ready;
  bool is_moved = true;  // Kafka has to be told where reading begins

  std::string text() const { return name.first + "/" + std::to_string(name.second); }
  void take(PlaceNews news) { state = after(state, news); }
  bool is_with_target() const { return state == PlaceState::applying || state == PlaceState::leaving; }
  bool is_ours() const { return state != PlaceState::leaving && state != PlaceState::gone; }
  void begin_at(int64_t offset, std::optional<int64_t> made) {
    next = offset;
    made_at = made;
    begin_anew();
  }
  void begin_anew() {
    read_to = next;
    is_proved = !made_at || next == 0;
    is_moved = true;
    quiet_since.reset();
  }
  void advance(int64_t offset, std::optional<int64_t> made) {
    next = offset;
    made_at = made;
  }
  // Where Kafka is to read from.
  int64_t begins_at() const { return is_proved ? read_to : next - 1; }
  // What a message that came for it proves. One behind: Kafka has none there any more (compaction took it).
  PlaceProof look(int64_t offset, std::optional<int64_t> made) {
    if (is_proved) return PlaceProof::same;
    if (offset < next - 1) return PlaceProof::none;
    if (offset == next - 1 && made != made_at) return PlaceProof::other;
    is_proved = true;
    return PlaceProof::same;
  }
};

}  // namespace tenfold::sidecar

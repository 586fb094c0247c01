// What a worker declares to consume the log of events: a consumer, its topics, and a handler for one event.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "events/handler.hpp"

namespace tenfold::sidecar {

struct EventSource {
  std::string consumer;             // its position is kept under this name
  std::vector<std::string> topics;  // {"*"}: all. A consumer that exists keeps those that it has
  Handler handler;
  size_t most_in_flight = 100;  // events at once, each of another key
  // Of a batch, which is one transaction: what a crash does again. What was published by one transaction is
  // never split. After one that Postgres did not answer in time, fewer.
  size_t most_events = 1000;
  // For one attempt. While a handler has not ended by then, its consumer may be another's.
  std::chrono::milliseconds deadline{60'000};
};

}  // namespace tenfold::sidecar

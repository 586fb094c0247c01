// What a worker declares to run jobs of tenfold.job: a queue, and a handler for one of them.
#pragma once

#include <chrono>
#include <string>

#include "events/handler.hpp"

namespace tenfold::sidecar {

struct JobSource {
  std::string queue;
  Handler handler;
  size_t most_in_flight = 100;  // claimed, and not yet known to have ended
  // For one run. A handler that does not end by then gets no heartbeat any more: its lease runs out, and the
  // job is another's.
  std::chrono::milliseconds deadline{60'000};
};

}  // namespace tenfold::sidecar

// One event, as handlers see it: of the log, of a job queue, or of Kafka.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace tenfold::sidecar {

struct Event {
  enum class Source { log, job, kafka };

  Source source = Source::log;
  std::string topic;  // of a job: its queue
  // Of Kafka: topic/partition/offset. The same at each attempt, and no other's within its source: what
  // effects outside Postgres are made idempotent by.
  std::string id;
  std::string key = {};      // of one key, events come one after the other; empty: in no order
  std::string payload = {};  // JSON; empty: none, a tombstone of Kafka
  std::map<std::string, std::string> headers = {};
  int attempt = 1;    // this one
  int64_t epoch = 0;  // of the lease; who remembers the highest can refuse a run that lost its own
};

}  // namespace tenfold::sidecar

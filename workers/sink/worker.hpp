// Kafka to Postgres, exactly once: the topics of tenfold.kafka_sink, each handed to its function
// (topic text, keys text[], payloads jsonb[], headers jsonb[]), a batch at a time, in the transaction that
// moves the offset: from the one that is expected, and under the epoch of the lease. How partitions are
// shared and read: kafka/reader.hpp.
//
// A message that is no text, no JSON, or for which the function raises is a row of tenfold.kafka_dead, with
// the reason. Errors that say nothing of a message (locks, shutdown, a missing table) are tried again.
#pragma once

#include "daemon/worker.hpp"

namespace tenfold::sink {

sidecar::Worker worker();

}  // namespace tenfold::sink

// What a worker declares to consume topics of Kafka: a source, its topics, and a handler for one message.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "events/handler.hpp"

namespace tenfold::sidecar {

struct KafkaSource {
  std::string source;  // offsets and dead letters are kept under this name
  // Those that the source does not have yet begin at their end: see tenfold.create_kafka_source().
  std::vector<std::string> topics;
  Handler handler;
  size_t most_in_flight = 100;  // messages of one partition at once, each of another key
  // Of a batch, which is of one partition: what a crash does again.
  size_t most_events = 500;
  std::chrono::milliseconds deadline{60'000};  // for one attempt
  // A message that failed is tried again in its place: its key waits, and so does what its partition has
  // after the batch. After the last attempt it is a dead letter.
  int most_attempts = 5;
  std::chrono::milliseconds retry_least{200}, retry_most{30'000};  // doubled from attempt to attempt
};

}  // namespace tenfold::sidecar

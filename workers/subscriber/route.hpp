// Which events go where, as the setting subscriber.routes says it. Pure.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <vector>

#include "events/event.hpp"
#include "kernel/result.hpp"

namespace tenfold::subscriber {

struct Route {
  sidecar::Event::Source from;
  std::string name;                 // of the consumer of the log, the queue, or the source of Kafka
  std::vector<std::string> topics;  // of the log, {"*"}: all; of Kafka; a queue has none
  std::string target;               // a URL, or schema.function

  bool is_url() const { return target.starts_with("http://") || target.starts_with("https://"); }
};

// Of CONSUMER:TOPIC[,TOPIC…]=TARGET, QUEUE=TARGET and kafka/SOURCE:TOPIC[,TOPIC…]=TARGET, with spaces
// between. An error names the one that is wrong.
Result<std::vector<Route>> read_routes(const std::string& text);

}  // namespace tenfold::subscriber

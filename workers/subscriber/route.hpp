// Which events go where, as the setting subscriber.routes says it. Pure.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <vector>

#include "kernel/result.hpp"

namespace tenfold::subscriber {

struct Route {
  std::string consumer;             // of the log; empty: the first of topics is a job queue
  std::vector<std::string> topics;  // {"*"}: all
  std::string target;               // a URL, or schema.function

  bool is_url() const { return target.starts_with("http://") || target.starts_with("https://"); }
};

// Of CONSUMER:TOPIC[,TOPIC…]=TARGET and QUEUE=TARGET, with spaces between. An error names the one that is
// wrong.
Result<std::vector<Route>> read_routes(const std::string& text);

}  // namespace tenfold::subscriber

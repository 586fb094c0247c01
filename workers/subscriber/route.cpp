#include "workers/subscriber/route.hpp"

#include <set>
#include <sstream>

namespace tenfold::subscriber {
namespace {

Error wrong(const std::string& word, const std::string& what) {
  return {Code::invalid_parameter, "route \"" + word + "\" " + what,
          "write CONSUMER:TOPIC,TOPIC=TARGET or QUEUE=TARGET; a target is a URL or schema.function"};
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream text(list);
  for (std::string part; std::getline(text, part, ',');)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

Result<Route> read_route(const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals + 1 == word.size()) return wrong(word, "has no target");
  const std::string source = word.substr(0, equals);
  const size_t colon = source.find(':');
  if (colon == 0) return wrong(word, "has no consumer");
  Route route{"", split(source.substr(colon + 1)), word.substr(equals + 1)};
  if (colon != std::string::npos) route.consumer = source.substr(0, colon);
  if (route.topics.empty()) return wrong(word, "has no topic");
  if (route.consumer.empty() && route.topics.size() > 1) return wrong(word, "has topics, and no consumer");
  return route;
}

}  // namespace

Result<std::vector<Route>> read_routes(const std::string& text) {
  std::vector<Route> routes;
  std::set<std::pair<std::string, std::string>> sources;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    auto route = read_route(word);
    if (!route) return route.error();
    const bool is_queue = route->consumer.empty();
    if (!sources.emplace(route->consumer, is_queue ? route->topics.front() : "").second)
      return wrong(word, "has the consumer or queue of another one");
    routes.push_back(*route);
  }
  return routes;
}

}  // namespace tenfold::subscriber

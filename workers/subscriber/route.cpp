#include "workers/subscriber/route.hpp"

#include <set>
#include <sstream>

namespace tenfold::subscriber {
namespace {

using Source = sidecar::Event::Source;

constexpr std::string_view kafka_prefix = "kafka/";

Error wrong(const std::string& word, const std::string& what) {
  return {Code::invalid_parameter, "route \"" + word + "\" " + what,
          "write CONSUMER:TOPIC,TOPIC=TARGET, QUEUE=TARGET or kafka/SOURCE:TOPIC,TOPIC=TARGET; a target is a "
          "URL or schema.function"};
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
  const bool is_kafka = word.starts_with(kafka_prefix);
  const size_t begin = is_kafka ? kafka_prefix.size() : 0;
  const std::string source = word.substr(begin, equals - begin);
  const size_t colon = source.find(':');
  Route route{Source::job, source.substr(0, colon), {}, word.substr(equals + 1)};
  if (is_kafka || colon != std::string::npos) route.from = is_kafka ? Source::kafka : Source::log;
  if (route.name.empty()) return wrong(word, is_kafka ? "has no source" : "has no consumer or queue");
  if (route.from == Source::job) {
    if (route.name.find(',') != std::string::npos) return wrong(word, "has topics, and no consumer");
    return route;
  }
  if (colon != std::string::npos) route.topics = split(source.substr(colon + 1));
  if (route.topics.empty()) return wrong(word, "has no topic");
  return route;
}

}  // namespace

Result<std::vector<Route>> read_routes(const std::string& text) {
  std::vector<Route> routes;
  std::set<std::pair<Source, std::string>> sources;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    auto route = read_route(word);
    if (!route) return route.error();
    if (!sources.emplace(route->from, route->name).second)
      return wrong(word, "has the consumer, queue or source of another one");
    routes.push_back(*route);
  }
  return routes;
}

}  // namespace tenfold::subscriber

#include "workers/subscriber/worker.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "handlers/function.hpp"
#include "handlers/http.hpp"
#include "handlers/webhook.hpp"
#include "workers/subscriber/route.hpp"

namespace tenfold::subscriber {
namespace {

using namespace sidecar;

std::vector<SettingRow> settings() {
  using Kind = SettingKind;
  return {
      {"subscriber.routes", Kind::text, "",
       "CONSUMER:TOPIC,…=TARGET from the log, QUEUE=TARGET from jobs, kafka/SOURCE:TOPIC,…=TARGET from "
       "Kafka; "
       "a target is a URL or schema.function"},
      {"subscriber.secret", Kind::secret, "",
       "signs webhooks (Standard Webhooks): whsec_ and base64; empty: none"},
      {"subscriber.in_flight", Kind::number, "50",
       "events of one route under way at once, each of another key", 1, 10'000},
      {"subscriber.batch", Kind::number, "500",
       "events of a batch of webhooks, or of Kafka: what a crash may send again", 1, 100'000},
      {"subscriber.attempts", Kind::number, "5",
       "of a message of Kafka, then it is a dead letter; queues and consumers of the log have their own", 1,
       1000},
      {"subscriber.retry_least", Kind::duration, "200ms",
       "from its first attempt to the second; doubled each time", 1, 3'600'000},
      {"subscriber.deadline", Kind::duration, "15s", "for one webhook", 1, 3'600'000},
      {"subscriber.answer_size", Kind::size, "1MB", "most bytes of its answer", 0, 64 * 1024 * 1024},
  };
}

template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message + "; " + result.error().hint);
  return std::move(*result);
}

int64_t seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class Subscriber : public RunningWorker {
 public:
  explicit Subscriber(const Services& services)
      : services_(services),
        routes_(value_or_throw(read_routes(services.settings.text("subscriber.routes")))),
        secret_(value_or_throw(read_webhook_secret(services.settings.text("subscriber.secret")))) {}

  std::vector<EventSource> event_sources() override {
    std::vector<EventSource> sources;
    for (const Route& route : routes_of(Event::Source::log)) {
      EventSource source{route.name, route.topics, handler_of(route)};
      source.most_in_flight = chosen().size("subscriber.in_flight");
      source.deadline = chosen().duration("subscriber.deadline");
      if (route.is_url()) source.most_events = chosen().size("subscriber.batch");
      sources.push_back(std::move(source));
    }
    return sources;
  }

  std::vector<JobSource> job_sources() override {
    std::vector<JobSource> sources;
    for (const Route& route : routes_of(Event::Source::job))
      sources.push_back({route.name, handler_of(route), chosen().size("subscriber.in_flight"),
                         chosen().duration("subscriber.deadline")});
    return sources;
  }

  std::vector<KafkaSource> kafka_sources() override {
    std::vector<KafkaSource> sources;
    for (const Route& route : routes_of(Event::Source::kafka)) {
      KafkaSource source{route.name, route.topics, handler_of(route)};
      source.most_in_flight = chosen().size("subscriber.in_flight");
      source.most_events = chosen().size("subscriber.batch");
      source.deadline = chosen().duration("subscriber.deadline");
      source.most_attempts = static_cast<int>(chosen().number("subscriber.attempts"));
      source.retry_least = chosen().duration("subscriber.retry_least");
      source.retry_most = std::max(source.retry_most, source.retry_least);
      sources.push_back(std::move(source));
    }
    return sources;
  }

  Task<void> load() override { co_await services_.database.wait_until_up(); }

 private:
  const Settings& chosen() const { return services_.settings; }

  std::vector<Route> routes_of(Event::Source source) const {
    std::vector<Route> routes;
    for (const Route& route : routes_)
      if (route.from == source) routes.push_back(route);
    return routes;
  }

  Handler handler_of(const Route& route) const {
    if (!route.is_url()) return value_or_throw(function_handler(route.target));
    return http_handler(
        services_, chosen().size("subscriber.answer_size"),
        [url = route.target, secret = secret_](const Event& event) -> Result<HttpCallRequest> {
          return webhook_request(url, secret, event, seconds_now());
        });
  }

  Services services_;
  std::vector<Route> routes_;
  std::string secret_;
};

}  // namespace

sidecar::Worker worker() {
  return {"subscriber",
          "hands events of the log, jobs and messages of Kafka to webhooks, and to functions in Postgres: "
          "these exactly once",
          settings(), [](Services services) { return std::make_unique<Subscriber>(services); }};
}

}  // namespace tenfold::subscriber

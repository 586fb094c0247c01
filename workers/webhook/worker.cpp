#include "workers/webhook/worker.hpp"

#include <nlohmann/json.hpp>

#include "postgres/set_caller.hpp"
#include "postgres/values.hpp"

namespace tenfold::webhook {
namespace {

using namespace sidecar;
using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr const char* topic = "payment-events";
constexpr const char* consumer = "payment-webhooks";
constexpr auto note_pause = 100ms;
constexpr size_t most_error = 500;

std::vector<SettingRow> settings() {
  using Kind = SettingKind;
  return {
      {"webhook.in_flight", Kind::number, "1000", "deliveries under way at once, of all endpoints", 1,
       100'000},
      {"webhook.deadline", Kind::duration, "15s", "for one delivery: only an answer of 2xx within it counts",
       100, 60'000},
  };
}

std::string text_of(const Json& value, const char* name) {
  const auto found = value.find(name);
  if (found == value.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

class Webhook : public RunningWorker {
 public:
  explicit Webhook(const Services& services)
      : services_(services),
        take_(services.loop, services.worker_database,
              "SELECT CASE WHEN t.delivery_id IS NOT NULL THEN to_jsonb(t) END "
              "FROM ROWS FROM (unnest($1::bigint[]), unnest($2::uuid[])) WITH ORDINALITY AS w(merchant, "
              "delivery, n) "
              "LEFT JOIN payment.take_deliveries($1, $2) t ON t.merchant_id = w.merchant AND t.delivery_id = "
              "w.delivery "
              "ORDER BY w.n"),
        note_(services.loop, services.worker_database, "SELECT payment.note_deliveries($1)"),
        add_("SELECT payment.add_messages($1)", Statement::Keep::once),
        delivered_(services.metrics.counter("tenfold_webhook_deliveries_total", "tries to deliver a webhook",
                                            {{"outcome", "delivered"}})),
        failed_(services.metrics.counter("tenfold_webhook_deliveries_total", "tries to deliver a webhook",
                                         {{"outcome", "failed"}})) {}

  std::vector<EventSource> event_sources() override {
    EventSource source{consumer, {topic}, [this](Delivery& delivery) { return add(delivery); }};
    source.most_in_flight = 1000;
    return {source};
  }

  std::vector<JobSource> job_sources() override {
    return {{"webhook", [this](Delivery& delivery) { return deliver(delivery); },
             services_.settings.size("webhook.in_flight"),
             services_.settings.duration("webhook.deadline") + 60s}};
  }

  Task<void> load() override { co_await services_.database.wait_until_up(); }

 private:
  Task<Effects> add(Delivery& delivery) {
    Effects effects;
    effects.statements.push_back(
        {&add_, arguments_of(text_array(std::vector<std::string>{delivery.event().payload}))});
    co_return effects;
  }

  Task<Effects> deliver(Delivery& delivery) {
    const Json job = Json::parse(delivery.event().payload, nullptr, false);
    if (!job.is_object()) throw HandlerFailure("the payload is no object", false);
    std::vector<std::string> item{text_of(job, "merchant_id"), text_of(job, "delivery_id")};
    const auto text = co_await take_.ask(std::move(item));
    if (!text) co_return Effects{};  // delivered by now, or not due, or its endpoint is gone
    const HttpReply reply = co_await send(Json::parse(*text));
    const bool is_delivered = reply.status >= 200 && reply.status < 300;
    (is_delivered ? delivered_ : failed_).Increment();
    co_await note(delivery, job, reply);
    co_return Effects{};
  }

  // Its answer's status counts, and nothing of its body.
  Task<HttpReply> send(Json taken) {
    HttpCall call{"POST", text_of(taken, "url")};
    call.headers = {"User-Agent: tenfold-webhooks/1"};
    for (const auto& [name, value] : taken["headers"].items())
      if (value.is_string()) call.headers.push_back(name + ": " + value.get<std::string>());
    call.body = text_of(taken, "body");
    call.deadline = services_.settings.duration("webhook.deadline");
    call.take = [](std::string_view) { return true; };
    return services_.http.send(std::move(call));
  }

  // What Postgres does not hear of is sent again, with the same id.
  Task<void> note(Delivery& delivery, const Json& job, const HttpReply& reply) {
    Json result{{"merchant_id", job["merchant_id"]},
                {"delivery_id", job["delivery_id"]},
                {"status", reply.status},
                {"denied", reply.is_denied}};
    if (!reply.error.empty()) result["error"] = clean(reply.error).substr(0, most_error);
    if (reply.retry_after) result["retry_after_s"] = reply.retry_after->count();
    std::vector<std::string> item(1);
    item.front() = result.dump(-1, ' ', false, Json::error_handler_t::replace);
    while (true) {
      try {
        co_await note_.ask(item);
        co_return;
      } catch (const PgRefusal& refusal) {
        if (delivery.cancelled() ||
            (refusal.failure.kind == PgFailure::Kind::refused && !refusal.failure.is_passing()))
          throw;
      }
      co_await sleep_for(jittered(note_pause));
    }
  }

  Services services_;
  SetCaller take_, note_;
  Statement add_;
  prometheus::Counter &delivered_, &failed_;
};

}  // namespace

sidecar::Worker worker() {
  return {"webhook", "delivers the webhooks of payments to their merchants' endpoints", settings(),
          [](Services services) { return std::make_unique<Webhook>(services); }};
}

}  // namespace tenfold::webhook

#include "workers/provider/worker.hpp"

#include <nlohmann/json.hpp>

#include "payment/provider_call.hpp"
#include "postgres/set_caller.hpp"
#include "postgres/values.hpp"
#include "workers/provider/accounts.hpp"

namespace tenfold::provider {
namespace {

using namespace sidecar;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* topic = "payment-events";
constexpr const char* consumer = "payment-processor";
constexpr milliseconds event_pause_least = 100ms, event_pause_most = 5s;
constexpr int64_t most_events = 100;
constexpr auto observe_pause = 100ms;

std::vector<SettingRow> settings() {
  using Kind = SettingKind;
  std::vector<SettingRow> rows{
      {"provider.in_flight", Kind::number, "1000", "calls under way at once, and as many questions", 1,
       100'000},
      {"provider.answer_size", Kind::size, "1MB", "most bytes of an answer", 1, 64 * 1024 * 1024},
      {"provider.kafka_source", Kind::text, "",
       "a source of Kafka that brings topic payment-events; empty: the log of events does"},
  };
  for (SettingRow& row : Accounts::settings()) rows.push_back(std::move(row));
  return rows;
}

// What payment.begin_calls() says of one operation.
struct Call {
  std::string action, provider, body, permit;
  std::string merchant, payment, number, attempt;
  payment::Operation operation;
  Clock::time_point deadline;
};

std::string text_of(const nlohmann::json& value, const char* name) {
  const auto found = value.find(name);
  if (found == value.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

// The deadline counts from before we asked: while we sleep, it passes.
Call read_call(const std::string& text, Clock::time_point asked) {
  const auto value = nlohmann::json::parse(text);
  Call call{text_of(value, "action"),
            text_of(value, "provider"),
            text_of(value, "body"),
            text_of(value, "permit"),
            text_of(value, "merchant_id"),
            text_of(value, "payment_id"),
            text_of(value, "number"),
            text_of(value, "attempt"),
            {},
            asked};
  if (call.action != "send" && call.action != "ask") return call;
  call.deadline += milliseconds(number<int64_t>(text_of(value, "deadline_ms")));
  auto operation = payment::read_operation(text);
  if (!operation) throw HandlerFailure(operation.error().message, false);
  call.operation = std::move(*operation);
  return call;
}

payment::Observation not_sent(std::string why) {
  payment::Observation seen;
  seen.name = payment::Class::not_sent;
  seen.message = std::move(why);
  return seen;
}

payment::Answer answer_of(const HttpReply& reply) {
  payment::Answer answer;
  answer.reach = reply.reach == HttpReach::not_sent   ? payment::Reach::not_sent
                 : reply.reach == HttpReach::answered ? payment::Reach::answered
                                                      : payment::Reach::perhaps;
  answer.status = reply.status;
  answer.body = reply.body;
  answer.error = reply.error;
  if (reply.retry_after) answer.retry_after = reply.retry_after->count();
  return answer;
}

std::vector<std::string> read_job(const std::string& payload) {
  const auto job = nlohmann::json::parse(payload, nullptr, false);
  if (!job.is_object()) throw HandlerFailure("the payload is no object", false);
  return {text_of(job, "merchant_id"), text_of(job, "payment_id"), text_of(job, "number")};
}

class Provider : public RunningWorker {
 public:
  explicit Provider(const Services& services)
      : services_(services),
        accounts_(services.http, services.settings),
        begin_(services.loop, services.worker_database,
               "SELECT jsonb_build_object('deadline_ms', (extract(epoch FROM c.deadline_at - "
               "clock_timestamp()) * 1000)"
               "::bigint) || to_jsonb(c) FROM payment.begin_calls($1, $2, $3) c"),
        observe_(services.loop, services.worker_database, "SELECT payment.observe($1)"),
        enqueue_("SELECT payment.enqueue_calls($1)", Statement::Keep::once),
        apply_("SELECT payment.apply_events($1)", Statement::Keep::once) {}

  std::vector<JobSource> job_sources() override {
    std::vector<JobSource> sources;
    for (const char* queue : {"payment_call", "payment_query"})
      sources.push_back({queue, [this](Delivery& delivery) { return run(delivery); },
                         services_.settings.size("provider.in_flight"), 120s});
    return sources;
  }

  std::vector<EventSource> event_sources() override {
    if (!kafka().empty()) return {};
    EventSource source{consumer, {topic}, [this](Delivery& delivery) { return enqueue(delivery); }};
    source.most_in_flight = 1000;
    return {source};
  }

  std::vector<KafkaSource> kafka_sources() override {
    if (kafka().empty()) return {};
    return {{kafka(), {topic}, [this](Delivery& delivery) { return enqueue(delivery); }, 1000}};
  }

  void drain() override { draining_ = true; }

  Task<void> load() override {
    co_await services_.database.wait_until_up();
    if (!std::exchange(is_loaded_, true))
      services_.loop.keep("events of providers", [this] { return apply_for_ever(); });
  }

 private:
  const std::string& kafka() const { return services_.settings.text("provider.kafka_source"); }

  // A call would hold up its batch: it is a job.
  Task<Effects> enqueue(Delivery& delivery) {
    Effects effects;
    const auto event = nlohmann::json::parse(delivery.event().payload, nullptr, false);
    if (!event.is_object() || text_of(event, "event_type") != "payment.initiated") co_return effects;
    effects.statements.push_back(
        {&enqueue_, arguments_of(text_array(std::vector<std::string>{delivery.event().payload}))});
    co_return effects;
  }

  Task<Effects> run(Delivery& delivery) {
    const auto asked = Clock::now();
    const auto text = co_await begin_.ask(read_job(delivery.event().payload));
    const Call call = read_call(text.value_or("{}"), asked);
    if (call.operation.reference.empty()) co_return Effects{};
    const auto began = Clock::now();
    // Who slept until now may have been given up, and another asks already: what was not sent, is not.
    if (began >= call.deadline || delivery.cancelled())
      throw HandlerFailure("its time was over before it was sent", true);
    const payment::Observation seen = co_await carry_out(call);
    count(call, seen, Clock::now() - began);
    co_await tell(delivery, call, seen);
    co_return Effects{};
  }

  Task<payment::Observation> carry_out(const Call& call) {
    auto request = call.action == "send" ? payment::next_request(call.operation, call.body)
                                         : payment::request_of(call.operation);
    if (!request && call.action == "ask") {
      payment::Observation unasked;
      unasked.name = payment::Class::not_found;
      unasked.message = request.error().message;
      co_return unasked;
    }
    if (!request) co_return not_sent(request.error().message);
    HttpReply reply = co_await send(call, *request);
    // PayPal looks at the token first: nothing was done, and ours was of yesterday.
    if (reply.status == 401 && payment::login_of(call.operation.shape) == payment::Login::oauth) {
      accounts_.forget(call.operation.shape);
      reply = co_await send(call, *request);
    }
    co_return payment::read_answer(call.operation, answer_of(reply));
  }

  Task<HttpReply> send(const Call& call, const payment::ProviderRequest& request) {
    const auto proof = co_await accounts_.authorization(call.operation.shape);
    if (!proof) {
      HttpReply nothing;
      nothing.error = proof.error().message;
      co_return nothing;
    }
    HttpCall outgoing{request.method, accounts_.url(call.operation.shape) + request.path};
    for (const auto& [name, value] : request.headers) outgoing.headers.push_back(name + ": " + value);
    outgoing.headers.push_back("Authorization: " + *proof);
    outgoing.body = request.body;
    outgoing.deadline = std::max(1ms, std::chrono::duration_cast<milliseconds>(call.deadline - Clock::now()));
    outgoing.most_bytes = services_.settings.size("provider.answer_size");
    outgoing.on_new_connection = !request.has_key;
    const auto began = Clock::now();
    HttpReply reply = co_await services_.http.send(std::move(outgoing));
    const std::chrono::duration<double> took = Clock::now() - began;
    if (!call.permit.empty())
      services_.providers.report({call.provider, call.permit, outcome_of(reply), took.count()});
    co_return reply;
  }

  // What was learned must not be lost while Postgres is away for a moment; said twice, it counts once.
  Task<void> tell(Delivery& delivery, const Call& call, const payment::Observation& seen) {
    std::vector<std::string> item(1);
    item.front() = R"({"merchant_id":)" + call.merchant + R"(,"payment_id":")" + call.payment +
                   R"(","number":)" + call.number + R"(,"attempt":)" + call.attempt + R"(,"provider":")" +
                   call.provider + R"(","source":")" + (call.action == "send" ? "reply" : "query") + "\"," +
                   payment::write_observation(seen) + "}";
    while (true) {
      try {
        co_await observe_.ask(item);
        co_return;
      } catch (const PgRefusal& refusal) {
        if (delivery.cancelled() ||
            (refusal.failure.kind == PgFailure::Kind::refused && !refusal.failure.is_passing()))
          throw;
      }
      co_await sleep_for(jittered(observe_pause));
    }
  }

  void count(const Call& call, const payment::Observation& seen, Clock::duration took) {
    const char* name = payment::row_of(seen.name).text;
    services_.metrics
        .counter("tenfold_provider_calls_total",
                 "calls and questions to payment providers, by what they taught",
                 {{"provider", call.provider}, {"action", call.action}, {"class", name}})
        .Increment();
    services_.metrics
        .histogram("tenfold_provider_call_seconds", "time of one call", {{"provider", call.provider}})
        .Observe(std::chrono::duration<double>(took).count());
    if (payment::row_of(seen.name).alarm)
      services_.log.error("a provider did not accept a request", {{"provider", call.provider},
                                                                  {"payment", call.payment},
                                                                  {"code", clean(seen.code)},
                                                                  {"message", clean(seen.message)}});
  }

  // pg_cron does it each minute.
  Task<void> apply_for_ever() {
    milliseconds pause = event_pause_least;
    while (!draining_) {
      const Reply reply = co_await services_.worker_database.try_ask(apply_, std::to_string(most_events));
      const int64_t applied = reply.failure ? 0 : number<int64_t>(reply.rows.back().text(0, 0));
      pause = applied > 0 ? event_pause_least : std::min(pause * 2, event_pause_most);
      if (applied < most_events) co_await sleep_for(jittered(pause));
    }
  }

  Services services_;
  Accounts accounts_;
  SetCaller begin_, observe_;
  Statement enqueue_, apply_;
  bool draining_ = false, is_loaded_ = false;
};

}  // namespace

sidecar::Worker worker() {
  return {"provider",
          "calls payment providers for topic payment-events and queues payment_call, payment_query",
          settings(), [](Services services) { return std::make_unique<Provider>(services); }};
}

}  // namespace tenfold::provider

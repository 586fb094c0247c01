#include "sidecar/event_runner.hpp"

#include <algorithm>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "sidecar/batch.hpp"
#include "sidecar/pg_values.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Clock = Delivery::Clock;

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);

constexpr std::string_view fenced = "TF050", done_before = "TF051";
constexpr milliseconds retry_least = 50ms, pause_after_refusal = 1s, try_again_after = 100ms;
constexpr size_t most_retries = 1000;  // in one transaction

// What batch_events and next_retries give.
Event event_of(const Rows& rows, int row, int64_t epoch) {
  Event event{Event::Source::log, std::string(rows.text(row, 1)), std::string(rows.text(row, 0))};
  event.key = rows.text(row, 2);
  event.payload = rows.text(row, 3);
  if (rows.text(row, 4) != "{}") event.headers = nlohmann::json::parse(rows.text(row, 4));
  event.attempt = number<int>(rows.text(row, 6));
  event.epoch = epoch;
  return event;
}

}  // namespace

struct EventRunner::Statements {
  Statement create, acquire, release, next, events, finish, retries, finish_retries, fail;

  explicit Statements(const WorkerDatabase& database)
      : create(database.statement("SELECT tenfold.create_consumer($1, $2) "
                                  "WHERE NOT EXISTS (SELECT FROM tenfold.consumer c WHERE c.name = $1)")),
        acquire(database.statement("SELECT consumer, epoch FROM tenfold.acquire_consumers($1, $2, $3)")),
        release(database.statement("SELECT tenfold.release_consumers($1)")),
        next(database.statement("SELECT from_tick, to_tick FROM tenfold.next_batch($1, $2, $3)")),
        events(database.statement(columns("1 AS attempt", "tenfold.batch_events($1, $2, $3)"))),
        finish(database.statement("SELECT tenfold.finish_batch($1, $2, $3, $4)")),
        retries(database.statement(columns("attempt", "tenfold.next_retries($1, $2, $3)"))),
        finish_retries(database.statement("SELECT tenfold.finish_retries($1, $2, $3)")),
        fail(database.statement("SELECT tenfold.fail_event($1, $2, $3, $4, $5)")) {}

  static std::string columns(const std::string& attempt, const std::string& from) {
    return "SELECT event_id, topic, key, payload, headers, "
           "extract(epoch FROM clock_timestamp() - published_at), " +
           attempt + " FROM " + from + " ORDER BY event_id";
  }
};

struct EventRunner::Consumer {
  EventSource source;
  BatchRules rules;
  Bell bell;
  bool exists = false;  // in the database
  bool busy = false;
  int64_t epoch = 0;       // of our lease; 0: we have none
  Batch* batch = nullptr;  // under way
  Clock::time_point retries_at{};
  milliseconds retry_pause = retry_least;
  prometheus::Counter &handled, &failed, &dead, &batches, &lost;
  prometheus::Histogram &seconds, &delay;

  Consumer(EventSource declared, asio::io_context& io, Metrics& metrics)
      : source(std::move(declared)),
        rules{source.consumer, source.handler, source.most_in_flight, source.deadline},
        bell(io),
        handled(
            metrics.counter("tenfold_events_handled_total", "events whose effects are committed", labels())),
        failed(metrics.counter("tenfold_events_failed_total", "attempts that failed", labels())),
        dead(metrics.counter("tenfold_events_dead_total", "events that became dead letters", labels())),
        batches(metrics.counter("tenfold_events_batches_total", "batches that are committed", labels())),
        lost(metrics.counter("tenfold_events_leases_lost_total",
                             "leases that another instance has, or that nobody renewed", labels())),
        seconds(metrics.histogram("tenfold_events_run_seconds", "time of one attempt", labels())),
        delay(metrics.histogram("tenfold_events_delay_seconds", "from publish to the commit of the effects",
                                labels())) {
    rules.on_time = [this](std::chrono::duration<double> time) { seconds.Observe(time.count()); };
  }

  Labels labels() const { return {{"consumer", source.consumer}}; }

  // A handler outstays its deadline: somebody else may do better.
  bool is_stuck() const { return batch != nullptr && batch->is_stuck(); }

  void look_for_retries_soon() {
    retry_pause = retry_least;
    retries_at = Clock::now() + retry_pause;
  }
};

// What is read at once.
struct EventRunner::Turn {
  Turn(Consumer& owner, Loop& loop, const Log& log) : epoch(owner.epoch), batch(loop, log, owner.rules) {}

  void add(const Rows& rows) {
    for (int row = 0; row < rows.size(); row++) {
      batch.add(event_of(rows, row, epoch));
      ages.push_back(number<double>(rows.text(row, 5)));
    }
  }

  int64_t epoch;
  std::optional<std::pair<std::string, std::string>> ticks;  // none: of retries
  Batch batch;
  std::vector<double> ages;  // seconds since each was published, when it was read
  Clock::time_point read_at = Clock::now();
};

struct EventRunner::TurnEnd : Transaction {
  std::vector<std::pair<size_t, size_t>> failures;  // item, and the query that tells of it
  size_t handled = 0;
};

EventRunner::EventRunner(Loop& loop, const Log& log, Metrics& metrics, WorkerDatabase& database,
                         EventOptions options)
    : loop_(loop),
      log_(log),
      metrics_(metrics),
      database_(database),
      options_(std::move(options)),
      statements_(std::make_unique<Statements>(database)),
      lease_timer_(loop.io()) {}

EventRunner::~EventRunner() = default;

void EventRunner::add(EventSource source) {
  consumers_.push_back(std::make_unique<Consumer>(std::move(source), loop_.io(), metrics_));
}

void EventRunner::start() {
  if (consumers_.empty()) return;
  metrics_.gauge("tenfold_events_consumers", "consumers whose lease we hold", [this] {
    return static_cast<double>(
        std::ranges::count_if(consumers_, [](const auto& one) { return one->epoch != 0; }));
  });
  loop_.spawn("leases of consumers", hold_leases());
  for (const auto& consumer : consumers_)
    loop_.spawn("consumer " + consumer->source.consumer, consume_for_ever(*consumer));
}

void EventRunner::drain() {
  draining_ = true;
  for (const auto& consumer : consumers_)
    if (consumer->batch != nullptr) consumer->batch->hurry();
  ring();
}

// A new tick is the only news there can be: consumers ask when there is one.
void EventRunner::ring() {
  for (const auto& consumer : consumers_) consumer->bell.ring();
}

size_t EventRunner::under_way() const {
  return static_cast<size_t>(std::ranges::count_if(consumers_, [](const auto& one) { return one->busy; }));
}

Task<void> EventRunner::release() {
  if (consumers_.empty()) co_return;
  released_ = true;
  for (const auto& consumer : consumers_) lose(*consumer);
  co_await database_.try_ask(statements_->release, options_.instance);
}

Task<void> EventRunner::hold_leases() {
  while (!released_) {
    co_await database_.wait_until_up();
    for (const auto& consumer : consumers_)
      if (!consumer->exists) co_await declare(*consumer);
    const bool renewed = co_await renew_leases();
    lease_timer_.expires_after(renewed ? options_.lease / 3
                                       : std::min(options_.lease / 3, pause_after_refusal));
    co_await lease_timer_.async_wait(as_tuple);
  }
}

Task<void> EventRunner::declare(Consumer& consumer) {
  const EventSource& source = consumer.source;
  const Reply reply =
      co_await database_.try_ask(statements_->create, source.consumer, text_array(source.topics));
  consumer.exists = !reply.failure;
  if (reply.failure && !reply.failure->is_passing())
    log_.error(
        "cannot make a consumer",
        {{"consumer", source.consumer}, {"error", reply.failure->message}, {"hint", reply.failure->hint}});
}

Task<bool> EventRunner::renew_leases() {
  std::vector<std::string> names;
  for (const auto& consumer : consumers_)
    if (consumer->exists && !consumer->is_stuck()) names.push_back(consumer->source.consumer);
  const Reply reply = co_await database_.try_ask(statements_->acquire, options_.instance, text_array(names),
                                                 std::to_string(options_.lease.count()) + " ms");
  if (reply.failure && !reply.failure->is_passing())
    log_.error("cannot renew the leases of consumers",
               {{"error", reply.failure->message}, {"hint", reply.failure->hint}});
  if (reply.failure || released_) co_return false;
  std::map<std::string, int64_t, std::less<>> ours;
  const Rows& rows = reply.rows.back();
  for (int row = 0; row < rows.size(); row++)
    ours[std::string(rows.text(row, 0))] = number<int64_t>(rows.text(row, 1));
  for (const auto& consumer : consumers_) {
    const int64_t epoch = ours[consumer->source.consumer];
    if (consumer->epoch == epoch) continue;
    lose(*consumer);
    consumer->epoch = epoch;
    if (epoch != 0) log_.info("consuming", {{"consumer", consumer->source.consumer}});
    consumer->bell.ring();
  }
  co_return names.size() == consumers_.size();
}

void EventRunner::lose(Consumer& consumer) {
  if (consumer.epoch == 0) return;
  consumer.epoch = 0;
  if (consumer.batch != nullptr) consumer.batch->stop();
  if (released_) return;
  consumer.lost.Increment();
  log_.info("the lease of a consumer is another's", {{"consumer", consumer.source.consumer}});
  lease_timer_.cancel();  // it may be free
}

Task<void> EventRunner::consume_for_ever(Consumer& consumer) {
  while (!draining_) {
    if (consumer.epoch == 0) {
      co_await consumer.bell.wait(options_.poll_most);
      continue;
    }
    consumer.busy = true;
    const bool has_more = co_await take_turn(consumer);
    consumer.busy = false;
    if (has_more || draining_) continue;
    const auto until_retries = std::chrono::ceil<milliseconds>(consumer.retries_at - Clock::now());
    co_await consumer.bell.wait(
        std::clamp(until_retries, milliseconds(1), std::max(options_.poll_most, milliseconds(1))));
  }
}

Task<bool> EventRunner::take_turn(Consumer& consumer) {
  bool has_more = false;
  if (Clock::now() >= consumer.retries_at) {
    has_more = co_await run_retries(consumer);
    consumer.retry_pause = has_more ? retry_least : std::min(consumer.retry_pause * 2, options_.poll_most);
    consumer.retries_at = Clock::now() + consumer.retry_pause;
  }
  if (consumer.epoch == 0 || draining_) co_return false;
  const bool had_batch = co_await run_batch(consumer);
  co_return has_more || had_batch;
}

// True: there was something, and it ended.
Task<bool> EventRunner::run_retries(Consumer& consumer) {
  Turn turn(consumer, loop_, log_);
  const size_t most = std::min(most_retries, consumer.source.most_events);
  const Reply reply =
      co_await ask_as(consumer, WorkerDatabase::query(statements_->retries, consumer.source.consumer,
                                                      std::to_string(turn.epoch), std::to_string(most)));
  if (reply.failure || reply.rows.back().size() == 0) co_return false;
  turn.add(reply.rows.back());
  co_return co_await run(consumer, turn);
}

Task<bool> EventRunner::run_batch(Consumer& consumer) {
  Turn turn(consumer, loop_, log_);
  const std::string& name = consumer.source.consumer;
  const Reply next =
      co_await ask_as(consumer, WorkerDatabase::query(statements_->next, name, std::to_string(turn.epoch),
                                                      std::to_string(consumer.source.most_events)));
  if (next.failure || next.rows.back().size() == 0) co_return false;
  turn.ticks.emplace(next.rows.back().text(0, 0), next.rows.back().text(0, 1));
  // A statement of its own: its snapshot is taken after the tick was there.
  const Reply reply = co_await ask_as(
      consumer, WorkerDatabase::query(statements_->events, name, turn.ticks->first, turn.ticks->second));
  if (reply.failure) co_return false;
  turn.add(reply.rows.back());
  co_return co_await run(consumer, turn);
}

Task<bool> EventRunner::run(Consumer& consumer, Turn& turn) {
  if (consumer.epoch != turn.epoch) co_return false;
  consumer.batch = &turn.batch;
  if (draining_) turn.batch.hurry();
  co_await turn.batch.handle();
  const bool ended = co_await commit(consumer, turn);
  consumer.batch = nullptr;
  co_return ended;
}

// In the order of the log, whatever the order in which handlers ended.
EventRunner::TurnEnd EventRunner::end_of(const Consumer& consumer, const Turn& turn) const {
  TurnEnd end;
  const std::string& name = consumer.source.consumer;
  const std::string epoch = std::to_string(turn.epoch);
  std::vector<std::string> done;
  for (size_t number = 0; number < turn.batch.size(); number++) {
    const auto& [event, attempt, is_settled, due] = turn.batch[number];
    if (turn.batch.is_behind(number)) continue;
    if (attempt.failed) {
      end.failures.emplace_back(number, end.queries.size());
      end.add({&statements_->fail,
               arguments_of(name, epoch, event.id, attempt.reason, std::string(attempt.retry ? "t" : "f"))});
      continue;
    }
    turn.batch.add_effects(end, number);
    done.push_back(event.id);
  }
  end.handled = done.size();
  if (turn.ticks)
    end.add({&statements_->finish, arguments_of(name, epoch, turn.ticks->first, turn.ticks->second)});
  else
    end.add({&statements_->finish_retries, arguments_of(name, epoch, text_array(done))});
  return end;
}

// Again until Postgres says yes or no. An effect that it refuses is a failure of its event, and the rest goes
// on without. What was left within is begun anew.
Task<bool> EventRunner::commit(Consumer& consumer, Turn& turn) {
  while (!turn.batch.is_stopped() && !turn.batch.was_left()) {
    const TurnEnd end = end_of(consumer, turn);
    const Reply reply = co_await database_.try_run(end.queries);
    if (!reply.failure) {
      count(consumer, turn, end, reply);
      co_return true;
    }
    const std::string& state = reply.failure->sqlstate;
    if (state == done_before) co_return true;  // it had committed, and the answer was lost
    if (state == fenced && consumer.epoch == turn.epoch) lose(consumer);
    if (state == fenced) co_return false;
    if (turn.batch.blame(end, reply)) continue;
    if (!reply.failure->is_passing()) {
      log_.error("cannot finish a batch", {{"consumer", consumer.source.consumer},
                                           {"error", reply.failure->message},
                                           {"hint", reply.failure->hint}});
      co_await sleep_for(pause_after_refusal);
      co_return false;
    }
    co_await sleep_for(jittered(try_again_after));
    co_await database_.wait_until_up();
  }
  co_return false;
}

void EventRunner::count(Consumer& consumer, const Turn& turn, const TurnEnd& end, const Reply& reply) {
  consumer.batches.Increment();
  consumer.handled.Increment(static_cast<double>(end.handled));
  const double since_read = std::chrono::duration<double>(Clock::now() - turn.read_at).count();
  for (const double age : turn.ages) consumer.delay.Observe(age + since_read);
  for (const auto& [number, query] : end.failures) {
    const auto& [event, attempt, is_settled, due] = turn.batch[number];
    const std::string_view outcome = reply.rows[query].text(0, 0);
    consumer.failed.Increment();
    if (outcome == "dead") consumer.dead.Increment();
    log_.warning("an event failed", {{"consumer", consumer.source.consumer},
                                     {"topic", event.topic},
                                     {"event", event.id},
                                     {"attempt", std::to_string(event.attempt)},
                                     {"reason", attempt.reason},
                                     {"outcome", outcome}});
  }
  if (!end.failures.empty()) consumer.look_for_retries_soon();
}

// A statement about a lease that may be over.
Task<Reply> EventRunner::ask_as(Consumer& consumer, Query query) {
  const int64_t epoch = consumer.epoch;
  std::vector<Query> queries{std::move(query)};
  Reply reply = co_await database_.try_run(std::move(queries));
  if (reply.failure && reply.failure->sqlstate == fenced) {
    if (consumer.epoch == epoch) lose(consumer);
  } else if (reply.failure && !reply.failure->is_passing()) {
    log_.error("cannot read events", {{"consumer", consumer.source.consumer},
                                      {"error", reply.failure->message},
                                      {"hint", reply.failure->hint}});
    co_await sleep_for(pause_after_refusal);
  }
  co_return reply;
}

}  // namespace tenfold::sidecar

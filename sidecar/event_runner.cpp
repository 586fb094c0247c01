#include "sidecar/event_runner.hpp"

#include <algorithm>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "sidecar/key_lines.hpp"
#include "sidecar/pg_values.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Clock = Delivery::Clock;

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);

constexpr std::string_view fenced = "TF050", done_before = "TF051", cancelled_by_timeout = "57014";
constexpr milliseconds retry_least = 50ms, longest_wait = 1s, pause_after_refusal = 1s,
                       try_again_after = 100ms;
constexpr size_t most_retries = 1000;  // in one transaction
constexpr size_t events_between_yields = 64;

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
  Statement check_constraints{"SET CONSTRAINTS ALL IMMEDIATE", Statement::Keep::once};

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
  asio::steady_timer bell;
  bool has_news = false;
  bool exists = false;  // in the database
  bool busy = false;
  int64_t epoch = 0;  // of our lease; 0: we have none
  std::set<Delivery*> deliveries;
  Clock::time_point retries_at{};
  milliseconds retry_pause = retry_least;
  prometheus::Counter &handled, &failed, &dead, &batches, &lost;
  prometheus::Histogram &seconds, &delay;

  Consumer(EventSource declared, asio::io_context& io, Metrics& metrics)
      : source(std::move(declared)),
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
                                labels())) {}

  Labels labels() const { return {{"consumer", source.consumer}}; }

  void ring() {
    has_news = true;
    bell.cancel();
  }

  Task<void> wait_for_news(milliseconds most) {
    if (!has_news) {
      bell.expires_after(most);
      co_await bell.async_wait(as_tuple);
    }
    has_news = false;
  }

  // A handler outstays its deadline: somebody else may do better.
  bool is_stuck() const {
    return std::ranges::any_of(deliveries,
                               [](const Delivery* one) { return Clock::now() > one->deadline() + 1s; });
  }

  void look_for_retries_soon() {
    retry_pause = retry_least;
    retries_at = Clock::now() + retry_pause;
  }
};

// Events that end in one transaction.
struct EventRunner::Batch {
  struct Item {
    Event event;
    double age;  // seconds since it was published, when it was read
    Attempt made = {};
  };

  Batch(int64_t lease, asio::io_context& io) : epoch(lease), all_walked(io) {}

  void add(const Rows& rows) {
    for (int row = 0; row < rows.size(); row++) {
      double age = 0;
      const std::string_view text = rows.text(row, 5);
      std::from_chars(text.data(), text.data() + text.size(), age);
      items.push_back({event_of(rows, row, epoch), age});
      lines.add({items.back().event.topic, items.back().event.key});
    }
  }

  // The events behind it in its line stay behind it.
  void fail(size_t item, std::string reason, bool retry) {
    items[item].made = {.failed = true, .retry = retry, .reason = std::move(reason)};
    lines.stop_at(item);
  }

  int64_t epoch;
  std::optional<std::pair<std::string, std::string>> ticks;  // none: of retries
  std::vector<Item> items;
  KeyLines lines;
  Clock::time_point read_at = Clock::now();
  bool is_whole = true;      // false: we stopped within; it is begun anew
  bool checks_each = false;  // constraints, after each event: a deferred one failed at the end
  size_t next_line = 0, walkers = 0;
  asio::steady_timer all_walked;
};

struct EventRunner::Transaction {
  std::vector<Query> queries;
  std::vector<std::optional<size_t>> effect_of;     // the item, by query
  std::vector<std::pair<size_t, size_t>> failures;  // item, and the query that tells of it
  size_t handled = 0;

  void add(Query query, std::optional<size_t> item = {}) {
    queries.push_back(std::move(query));
    effect_of.push_back(item);
  }
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
  ring();
}

// A new tick is the only news there can be: consumers ask when there is one.
void EventRunner::ring() {
  for (const auto& consumer : consumers_) consumer->ring();
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
    consumer->ring();
  }
  co_return names.size() == consumers_.size();
}

void EventRunner::lose(Consumer& consumer) {
  if (consumer.epoch == 0) return;
  consumer.epoch = 0;
  for (Delivery* delivery : consumer.deliveries) delivery->cancel();
  if (released_) return;
  consumer.lost.Increment();
  log_.info("the lease of a consumer is another's", {{"consumer", consumer.source.consumer}});
  lease_timer_.cancel();  // it may be free
}

Task<void> EventRunner::consume_for_ever(Consumer& consumer) {
  while (!draining_) {
    if (consumer.epoch == 0) {
      co_await consumer.wait_for_news(options_.poll_most);
      continue;
    }
    consumer.has_news = false;
    consumer.busy = true;
    const bool has_more = co_await take_turn(consumer);
    consumer.busy = false;
    if (has_more || draining_) continue;
    const auto until_retries = std::chrono::ceil<milliseconds>(consumer.retries_at - Clock::now());
    co_await consumer.wait_for_news(
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
  Batch batch(consumer.epoch, loop_.io());
  const size_t most = std::min(most_retries, consumer.source.most_events);
  const Reply reply =
      co_await ask_as(consumer, WorkerDatabase::query(statements_->retries, consumer.source.consumer,
                                                      std::to_string(batch.epoch), std::to_string(most)));
  if (reply.failure || reply.rows.back().size() == 0) co_return false;
  batch.add(reply.rows.back());
  co_return co_await run(consumer, batch);
}

Task<bool> EventRunner::run_batch(Consumer& consumer) {
  Batch batch(consumer.epoch, loop_.io());
  const std::string& name = consumer.source.consumer;
  const Reply next =
      co_await ask_as(consumer, WorkerDatabase::query(statements_->next, name, std::to_string(batch.epoch),
                                                      std::to_string(consumer.source.most_events)));
  if (next.failure || next.rows.back().size() == 0) co_return false;
  batch.ticks.emplace(next.rows.back().text(0, 0), next.rows.back().text(0, 1));
  // A statement of its own: its snapshot is taken after the tick was there.
  const Reply reply = co_await ask_as(
      consumer, WorkerDatabase::query(statements_->events, name, batch.ticks->first, batch.ticks->second));
  if (reply.failure) co_return false;
  batch.add(reply.rows.back());
  co_return co_await run(consumer, batch);
}

Task<bool> EventRunner::run(Consumer& consumer, Batch& batch) {
  co_await handle(consumer, batch);
  co_return co_await commit(consumer, batch);
}

// Lines are walked side by side, by as many walkers as may be in flight.
Task<void> EventRunner::handle(Consumer& consumer, Batch& batch) {
  batch.walkers = std::min(batch.lines.size(), consumer.source.most_in_flight);
  for (size_t i = batch.walkers; i > 0; i--)
    loop_.spawn("events of " + consumer.source.consumer, walk_lines(consumer, batch));
  batch.all_walked.expires_at(Clock::time_point::max());
  if (batch.walkers > 0) co_await batch.all_walked.async_wait(as_tuple);
}

Task<void> EventRunner::walk_lines(Consumer& consumer, Batch& batch) {
  while (batch.next_line < batch.lines.size() && consumer.epoch == batch.epoch) {
    const size_t line = batch.next_line++;
    co_await walk_line(consumer, batch, line);
    // Handlers that wait for nothing leave the loop to others now and then.
    if (line % events_between_yields == 0)
      co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  }
  if (--batch.walkers == 0) batch.all_walked.cancel();
}

Task<void> EventRunner::walk_line(Consumer& consumer, Batch& batch, size_t line) {
  for (const size_t number : batch.lines.line(line)) {
    if (consumer.epoch != batch.epoch) co_return;
    Batch::Item& item = batch.items[number];
    item.made = co_await deliver(consumer, item.event);
    while (item.made.postponed && consumer.epoch == batch.epoch && !draining_) {
      co_await sleep_for(std::min(*item.made.postponed, longest_wait));
      item.made = co_await deliver(consumer, item.event);
    }
    batch.is_whole &= !item.made.postponed;
    if (!item.made.failed) continue;
    batch.lines.stop_at(number);
    co_return;
  }
}

Task<Attempt> EventRunner::deliver(Consumer& consumer, const Event& event) {
  const auto started = Clock::now();
  Delivery delivery(event, started + consumer.source.deadline);
  consumer.deliveries.insert(&delivery);
  Attempt made = co_await attempt(consumer.source.handler, delivery);
  consumer.deliveries.erase(&delivery);
  consumer.seconds.Observe(std::chrono::duration<double>(Clock::now() - started).count());
  co_return made;
}

// In the order of the log, whatever the order in which handlers ended.
EventRunner::Transaction EventRunner::transaction_of(const Consumer& consumer, const Batch& batch) const {
  Transaction made;
  const std::string& name = consumer.source.consumer;
  const std::string epoch = std::to_string(batch.epoch);
  std::vector<std::string> done;
  for (size_t number = 0; number < batch.items.size(); number++) {
    const auto& [event, age, attempt] = batch.items[number];
    if (batch.lines.is_behind(number)) continue;
    if (attempt.failed) {
      made.failures.emplace_back(number, made.queries.size());
      made.add({&statements_->fail,
                arguments_of(name, epoch, event.id, attempt.reason, std::string(attempt.retry ? "t" : "f"))});
      continue;
    }
    for (const Query& effect : attempt.effects.statements) made.add(effect, number);
    if (batch.checks_each) made.add({&statements_->check_constraints}, number);
    done.push_back(event.id);
  }
  made.handled = done.size();
  if (batch.ticks)
    made.add({&statements_->finish, arguments_of(name, epoch, batch.ticks->first, batch.ticks->second)});
  else
    made.add({&statements_->finish_retries, arguments_of(name, epoch, text_array(done))});
  return made;
}

// Again until Postgres says yes or no. An effect that it refuses is a failure of its event, and the rest goes
// on without.
Task<bool> EventRunner::commit(Consumer& consumer, Batch& batch) {
  while (consumer.epoch == batch.epoch && batch.is_whole) {
    const Transaction transaction = transaction_of(consumer, batch);
    const Reply reply = co_await database_.try_run(transaction.queries);
    if (!reply.failure) {
      count(consumer, batch, transaction, reply);
      co_return true;
    }
    const std::string& state = reply.failure->sqlstate;
    if (state == done_before) co_return true;  // it had committed, and the answer was lost
    if (state == fenced && consumer.epoch == batch.epoch) lose(consumer);
    if (state == fenced) co_return false;
    if (blame(consumer, batch, transaction, reply)) continue;
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

// Statements are answered in order: the first without rows is the one that failed.
bool EventRunner::blame(Consumer& consumer, Batch& batch, const Transaction& transaction,
                        const Reply& reply) const {
  const PgFailure& failure = *reply.failure;
  if (failure.is_passing() && failure.sqlstate != cancelled_by_timeout) return false;
  const size_t failed = reply.rows.size();
  if (failed < transaction.queries.size()) {
    const auto item = transaction.effect_of[failed];
    if (item) batch.fail(*item, clean(failure.reason()), true);
    return item.has_value();
  }
  // At the end itself, by a deferred constraint: it is found by checking after each event.
  log_.warning("a batch is done again, with constraints checked after each event",
               {{"consumer", consumer.source.consumer}, {"error", failure.message}});
  return !std::exchange(batch.checks_each, true);
}

void EventRunner::count(Consumer& consumer, const Batch& batch, const Transaction& transaction,
                        const Reply& reply) {
  consumer.batches.Increment();
  consumer.handled.Increment(static_cast<double>(transaction.handled));
  const double since_read = std::chrono::duration<double>(Clock::now() - batch.read_at).count();
  for (const auto& item : batch.items) consumer.delay.Observe(item.age + since_read);
  for (const auto& [number, query] : transaction.failures) {
    const auto& [event, age, attempt] = batch.items[number];
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
  if (!transaction.failures.empty()) consumer.look_for_retries_soon();
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

#include "events/runner.hpp"

#include <algorithm>

#include "base/json_text.hpp"
#include "base/trouble.hpp"
#include "postgres/values.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Clock = Delivery::Clock;

constexpr std::string_view fenced = "TF050", done_before = "TF051", unknown_consumer = "TF052";
constexpr milliseconds retry_least = 50ms, pause_after_refusal = 1s, try_again_after = 100ms;
constexpr size_t most_retries = 1000;           // in one transaction
constexpr const char* most_bytes = "16777216";  // of events that are read at once, unless one has more

// What batch_events and next_retries give. One that cannot be read is a dead letter, with the reason.
void add_event(Batch& batch, const Rows& rows, int row, int64_t epoch) {
  Event event{Event::Source::log, std::string(rows.text(row, 1)), std::string(rows.text(row, 0))};
  event.key = rows.text(row, 2);
  event.payload = rows.text(row, 3);
  event.attempt = number<int>(rows.text(row, 6));
  event.epoch = epoch;
  try {
    event.headers = texts_of_json(rows.text(row, 4));
  } catch (const std::invalid_argument& reason) {
    return batch.add_failed(std::move(event), reason.what(), true);
  }
  batch.add(std::move(event));
}

std::string why(const PgFailure& failure) {
  return failure.reason() + (failure.hint.empty() ? "" : " (" + failure.hint + ")");
}

}  // namespace

struct EventRunner::Statements {
  Statement create, acquire, release, next, events, finish, retries, finish_retries, fail;

  explicit Statements(const WorkerDatabase& database)
      : create(database.statement("SELECT tenfold.create_consumer($1, $2) "
                                  "WHERE NOT EXISTS (SELECT FROM tenfold.consumer c WHERE c.name = $1)")),
        acquire(database.statement("SELECT consumer, epoch FROM tenfold.acquire_consumers($1, $2, $3)")),
        release(database.statement("SELECT tenfold.release_consumers($1)")),
        next(
            database.statement("SELECT from_tick, to_tick, after_event FROM tenfold.next_batch($1, $2, $3)")),
        events(
            database.statement(columns("1 AS attempt, is_last", "tenfold.batch_events($1, $2, $3, $4, $5)"))),
        finish(database.statement("SELECT tenfold.finish_batch($1, $2, $3, $4, $5, $6)")),
        retries(database.statement(columns("attempt", "tenfold.next_retries($1, $2, $3, $4)"))),
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
  size_t most_now;         // events of a batch: fewer after one that was too much
  Trouble trouble;
  Clock::time_point retries_at{};
  milliseconds retry_pause = retry_least;
  prometheus::Counter &handled, &failed, &dead, &batches, &lost;
  prometheus::Histogram &seconds, &delay;

  Consumer(EventSource declared, asio::io_context& io, Metrics& metrics, const Log& log)
      : source(std::move(declared)),
        rules{source.consumer, source.handler, source.most_in_flight, source.deadline},
        bell(io),
        most_now(source.most_events),
        trouble(log, 5s),
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
      add_event(batch, rows, row, epoch);
      ages.push_back(number<double>(rows.text(row, 5)));
    }
  }

  int64_t epoch;
  struct Ticks {
    std::string from, to, after;  // and the event up to which that batch is finished
  };
  std::optional<Ticks> ticks;  // none: of retries
  bool is_whole = true;        // nothing of it comes after these events
  Batch batch;
  size_t committed = 0;      // events, from the first on
  std::vector<double> ages;  // seconds since each was published, when it was read
  Clock::time_point read_at = Clock::now();
};

struct EventRunner::TurnEnd : Transaction {
  std::vector<std::pair<size_t, size_t>> failures;  // item, and the query that tells of it
  std::vector<std::string> done;                    // events
  size_t last = 0;                                  // the item behind the last of this part
};

EventRunner::EventRunner(Loop& loop, const Log& log, Metrics& metrics, WorkerDatabase& database,
                         EventOptions options)
    : loop_(loop),
      log_(log),
      metrics_(metrics),
      database_(database),
      options_(std::move(options)),
      statements_(std::make_unique<Statements>(database)),
      lease_bell_(loop.io()) {}

EventRunner::~EventRunner() = default;

void EventRunner::add(EventSource source) {
  consumers_.push_back(std::make_unique<Consumer>(std::move(source), loop_.io(), metrics_, log_));
}

void EventRunner::start() {
  if (consumers_.empty()) return;
  metrics_.gauge("tenfold_events_consumers", "consumers whose lease we hold", [this] {
    return static_cast<double>(
        std::ranges::count_if(consumers_, [](const auto& one) { return one->epoch != 0; }));
  });
  loop_.keep("leases of consumers", [this] { return hold_leases(); });
  for (const auto& consumer : consumers_)
    loop_.keep("consumer " + consumer->source.consumer,
               [this, &one = *consumer] { return consume_for_ever(one); });
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
  lease_bell_.ring();
  co_await database_.try_hold(WorkerDatabase::query(statements_->release, options_.instance));
}

Task<void> EventRunner::hold_leases() {
  while (!released_) {
    co_await database_.wait_until_up();
    for (const auto& consumer : consumers_)
      if (!consumer->exists) co_await declare(*consumer);
    const bool renewed = co_await renew_leases();
    if (released_) break;
    co_await lease_bell_.wait(renewed ? options_.lease / 3
                                      : std::min(options_.lease / 3, pause_after_refusal));
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
  const Reply reply = co_await database_.try_hold(
      WorkerDatabase::query(statements_->acquire, options_.instance, text_array(names),
                            std::to_string(options_.lease.count()) + " ms"));
  if (reply.failure && !reply.failure->is_passing())
    log_.error("cannot renew the leases of consumers",
               {{"error", reply.failure->message}, {"hint", reply.failure->hint}});
  // Somebody dropped one of them. It is made anew, and the others do not wait for that.
  if (reply.failure && reply.failure->sqlstate == unknown_consumer) {
    for (const auto& consumer : consumers_) co_await declare(*consumer);
    co_return false;
  }
  if (reply.failure || released_) co_return false;
  take_leases(reply.rows.back());
  co_return names.size() == consumers_.size();
}

void EventRunner::take_leases(const Rows& rows) {
  std::map<std::string, int64_t, std::less<>> ours;
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
}

void EventRunner::lose(Consumer& consumer) {
  if (consumer.epoch == 0) return;
  consumer.epoch = 0;
  if (consumer.batch != nullptr) consumer.batch->stop();
  if (released_) return;
  consumer.lost.Increment();
  log_.info("the lease of a consumer is another's", {{"consumer", consumer.source.consumer}});
  lease_bell_.ring();  // it may be free
}

Task<void> EventRunner::consume_for_ever(Consumer& consumer) {
  while (!draining_) {
    if (consumer.epoch == 0) {
      co_await consumer.bell.wait(options_.poll_most);
      continue;
    }
    const bool has_more = co_await take_turn(consumer);
    if (has_more || draining_) continue;
    const auto until_retries = std::chrono::ceil<milliseconds>(consumer.retries_at - Clock::now());
    co_await consumer.bell.wait(
        std::clamp(until_retries, milliseconds(1), std::max(options_.poll_most, milliseconds(1))));
  }
}

Task<bool> EventRunner::take_turn(Consumer& consumer) {
  const std::shared_ptr<void> end(nullptr, [&](void*) { consumer.busy = false; });
  consumer.busy = true;
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
                                                      std::to_string(turn.epoch), std::to_string(most),
                                                      std::string(most_bytes)));
  if (reply.failure || reply.rows.back().size() == 0) co_return false;
  turn.add(reply.rows.back());
  co_return co_await run(consumer, turn);
}

Task<bool> EventRunner::run_batch(Consumer& consumer) {
  Turn turn(consumer, loop_, log_);
  const std::string& name = consumer.source.consumer;
  const Reply next =
      co_await ask_as(consumer, WorkerDatabase::query(statements_->next, name, std::to_string(turn.epoch),
                                                      std::to_string(consumer.most_now)));
  if (next.failure || next.rows.back().size() == 0) co_return false;
  const auto text = [&next](int column) { return std::string(next.rows.back().text(0, column)); };
  turn.ticks = Turn::Ticks{text(0), text(1), text(2)};
  // A statement of its own: its snapshot is taken after the tick was there.
  const Reply reply = co_await ask_as(
      consumer, WorkerDatabase::query(statements_->events, name, turn.ticks->from, turn.ticks->to,
                                      turn.ticks->after, std::string(most_bytes)));
  if (reply.failure) co_return false;
  const Rows& rows = reply.rows.back();
  turn.add(rows);
  turn.is_whole = rows.size() == 0 || rows.text(rows.size() - 1, 7) == "t";
  co_return co_await run(consumer, turn);
}

Task<bool> EventRunner::run(Consumer& consumer, Turn& turn) {
  if (consumer.epoch != turn.epoch) co_return false;
  const std::shared_ptr<void> end(nullptr, [&](void*) { consumer.batch = nullptr; });
  consumer.batch = &turn.batch;
  if (draining_) turn.batch.hurry();
  co_await turn.batch.handle();
  co_return co_await commit(consumer, turn);
}

// Of the next part of it, in the order of the log, whatever the order in which handlers ended.
EventRunner::TurnEnd EventRunner::end_of(const Consumer& consumer, const Turn& turn) const {
  TurnEnd end;
  const std::string& name = consumer.source.consumer;
  const std::string epoch = std::to_string(turn.epoch);
  end.last = std::min(turn.committed + consumer.most_now, turn.batch.size());
  for (size_t number = turn.committed; number < end.last; number++) {
    const auto& [event, attempt, is_settled, due, patience] = turn.batch[number];
    if (turn.batch.is_behind(number)) continue;
    if (attempt.failed) {
      end.failures.emplace_back(number, end.queries.size());
      end.add({&statements_->fail,
               arguments_of(name, epoch, event.id, attempt.reason, std::string(attempt.retry ? "t" : "f"))});
      continue;
    }
    turn.batch.add_effects(end, number);
    end.done.push_back(event.id);
  }
  end.add(finish_of(name, turn, end));
  return end;
}

Query EventRunner::finish_of(const std::string& name, const Turn& turn, const TurnEnd& end) const {
  const std::string epoch = std::to_string(turn.epoch);
  if (!turn.ticks)
    return WorkerDatabase::query(statements_->finish_retries, name, epoch, text_array(end.done));
  const auto& [from, to, after] = *turn.ticks;
  Query finish = WorkerDatabase::query(statements_->finish, name, epoch, from, to, after);
  finish.arguments.emplace_back();
  const bool is_whole = turn.is_whole && end.last == turn.batch.size();
  if (!is_whole) finish.arguments.back().value = turn.batch[end.last - 1].event.id;
  return finish;
}

// In parts, so that no transaction is too long; each again until Postgres says yes or no. An effect that it
// refuses is a failure of its event, and the rest goes on without. What was left within is begun anew.
Task<bool> EventRunner::commit(Consumer& consumer, Turn& turn) {
  while (!turn.batch.is_stopped() && !turn.batch.was_left()) {
    const TurnEnd end = end_of(consumer, turn);
    const Reply reply = co_await database_.try_run(end.queries);
    if (reply.failure && reply.failure->sqlstate == done_before) co_return true;  // and the answer was lost
    if (reply.failure && !co_await take_refusal(consumer, turn, end, reply)) co_return false;
    if (reply.failure) continue;
    count(consumer, turn, end, reply);
    consumer.most_now = std::min(consumer.most_now * 2, consumer.source.most_events);
    consumer.trouble.end("consumer " + consumer.source.consumer + " goes on");
    turn.committed = end.last;
    if (turn.committed == turn.batch.size()) co_return true;
    if (turn.ticks) turn.ticks->after = turn.batch[end.last - 1].event.id;
  }
  co_return false;
}

// Whether it may be tried again.
Task<bool> EventRunner::take_refusal(Consumer& consumer, Turn& turn, const TurnEnd& end, const Reply& reply) {
  const PgFailure& failure = *reply.failure;
  if (failure.sqlstate == fenced) {
    if (consumer.epoch == turn.epoch) lose(consumer);
    co_return false;
  }
  if (turn.batch.blame(end, reply)) co_return true;
  const auto pause =
      consumer.trouble.meet("cannot finish a batch of " + consumer.source.consumer, why(failure));
  co_await sleep_for(failure.is_passing() ? std::min(pause, try_again_after) : pause_after_refusal);
  co_await database_.wait_until_up();
  // It may have been too much for one transaction.
  if (failure.kind == PgFailure::Kind::lost)
    consumer.most_now = std::max<size_t>(1, (end.last - turn.committed) / 2);
  co_return failure.is_passing();
}

void EventRunner::count(Consumer& consumer, const Turn& turn, const TurnEnd& end, const Reply& reply) {
  consumer.batches.Increment();
  consumer.handled.Increment(static_cast<double>(end.done.size()));
  const double since_read = std::chrono::duration<double>(Clock::now() - turn.read_at).count();
  for (size_t number = turn.committed; number < end.last; number++)
    consumer.delay.Observe(turn.ages[number] + since_read);
  for (const auto& [number, query] : end.failures)
    count_failure(consumer, turn.batch[number], reply.rows[query].text(0, 0));
  if (!end.failures.empty()) consumer.look_for_retries_soon();
}

void EventRunner::count_failure(Consumer& consumer, const Batch::Item& item, std::string_view outcome) {
  consumer.failed.Increment();
  if (outcome == "dead") consumer.dead.Increment();
  log_.warning("an event failed", {{"consumer", consumer.source.consumer},
                                   {"topic", item.event.topic},
                                   {"event", item.event.id},
                                   {"attempt", std::to_string(item.event.attempt)},
                                   {"reason", item.made.reason},
                                   {"outcome", outcome}});
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

#include "jobs/runner.hpp"

#include <algorithm>
#include <array>

#include "events/patience.hpp"
#include "jobs/run_state.hpp"
#include "postgres/values.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::string_view lease_is_over = "TF021";
constexpr size_t most_reported = 1000;  // in one transaction
constexpr milliseconds expire_every = 5s, retry_after = 100ms;

}  // namespace

struct JobRunner::Run : Delivery {
  Run(JobRunner& of, Event event, int64_t job, Clock::time_point deadline)
      : Delivery(std::move(event), deadline), runner(of), id(job) {}

  Task<void> progress(double fraction, std::string note) override {
    return runner.say_progress(*this, fraction, std::move(note));
  }
  void take(RunNews news) { state = after(state, news); }
  void lose() {
    take(RunNews::taken_away);
    cancel();
  }

  JobRunner& runner;
  int64_t id;
  RunState state = RunState::running;
};

namespace {

template <class Contexts>
std::string ids_of(const Contexts& jobs) {
  return array_of(jobs, [](std::string& text, const auto& one) { text += std::to_string(one->id); });
}

template <class Contexts>
std::string epochs_of(const Contexts& jobs) {
  return array_of(jobs,
                  [](std::string& text, const auto& one) { text += std::to_string(one->event().epoch); });
}

void append_result(std::string& text, const std::string& result) {
  if (result.empty())
    text += "NULL";
  else
    append_element(text, result);
}

}  // namespace

struct JobRunner::Statements {
  Statement claim, complete, complete_one, fail, postpone, release, heartbeat, progress, expire;

  explicit Statements(const WorkerDatabase& database)
      : claim(database.statement("SELECT job_id, epoch, attempts, payload, "
                                 "(extract(epoch FROM expires_at - leased_at) * 1000)::bigint "
                                 "FROM tenfold.claim_jobs($1, $2, $3)")),
        complete(database.statement("SELECT cardinality(tenfold.complete_jobs($1, $2, $3, true))")),
        complete_one(database.statement("SELECT tenfold.complete_jobs($1, $2, $3)")),
        fail(database.statement("SELECT tenfold.fail_job($1, $2, $3, $4)")),
        postpone(database.statement(
            "SELECT tenfold.postpone_job($1, $2, make_interval(secs => $3::float8 / 1000), $4)")),
        release(database.statement("SELECT cardinality(tenfold.release_jobs($1, $2))")),
        heartbeat(
            database.statement("SELECT job_id, cancel_asked FROM tenfold.heartbeat_jobs($1, $2, true)")),
        progress(database.statement("SELECT tenfold.progress_job($1, $2, $3, $4)")),
        expire(database.statement("SELECT tenfold.expire_leases()")) {}
};

struct JobRunner::Queue {
  JobSource source;
  Bell room, pause, done_bell, heart;
  std::map<int64_t, Context> held;
  std::vector<std::pair<Context, std::string>> done;
  milliseconds lease = 30s;
  prometheus::Counter &claimed, &finished, &failed, &postponed, &lost;
  prometheus::Histogram& seconds;

  Queue(JobSource declared, asio::io_context& io, Metrics& metrics)
      : source(std::move(declared)),
        room(io),
        pause(io),
        done_bell(io),
        heart(io),
        claimed(metrics.counter("tenfold_jobs_claimed_total", "jobs that were claimed",
                                {{"queue", source.queue}})),
        finished(
            metrics.counter("tenfold_jobs_done_total", "jobs that were done", {{"queue", source.queue}})),
        failed(metrics.counter("tenfold_jobs_failed_total", "runs that failed", {{"queue", source.queue}})),
        postponed(metrics.counter("tenfold_jobs_postponed_total",
                                  "runs that could not begin, as where a breaker is open",
                                  {{"queue", source.queue}})),
        lost(metrics.counter("tenfold_jobs_lost_total", "runs whose lease was lost",
                             {{"queue", source.queue}})),
        seconds(metrics.histogram("tenfold_jobs_run_seconds", "time of one run", {{"queue", source.queue}})) {
  }
};

JobRunner::JobRunner(Loop& loop, const Log& log, Metrics& metrics, WorkerDatabase& database,
                     JobOptions options)
    : loop_(loop),
      log_(log),
      metrics_(metrics),
      database_(database),
      options_(std::move(options)),
      statements_(std::make_unique<Statements>(database)),
      trouble_(log, 5s) {}

JobRunner::~JobRunner() = default;

void JobRunner::add(JobSource source) {
  queues_.push_back(std::make_unique<Queue>(std::move(source), loop_.io(), metrics_));
}

void JobRunner::start() {
  if (queues_.empty()) return;
  metrics_.gauge("tenfold_jobs_in_flight", "jobs that are held",
                 [this] { return static_cast<double>(under_way()); });
  for (const auto& queue : queues_) {
    loop_.keep("claims of " + queue->source.queue, [this, &one = *queue] { return claim_for_ever(one); });
    loop_.keep("reports of " + queue->source.queue, [this, &one = *queue] { return report_for_ever(one); });
    loop_.keep("heart of " + queue->source.queue, [this, &one = *queue] { return beat_for_ever(one); });
  }
  loop_.keep("expiry of leases", [this] { return expire_for_ever(); });
}

void JobRunner::drain() {
  draining_ = true;
  for (const auto& queue : queues_) {
    queue->room.ring();
    queue->pause.ring();
  }
}

size_t JobRunner::under_way() const {
  size_t sum = 0;
  for (const auto& queue : queues_) sum += queue->held.size();
  return sum;
}

Task<void> JobRunner::give_back() {
  for (const auto& queue : queues_) {
    std::vector<Context> running;
    for (const auto& [id, context] : queue->held) {
      context->lose();
      running.push_back(context);
    }
    if (running.empty()) continue;
    const Reply reply = co_await database_.try_ask(statements_->release, ids_of(running), epochs_of(running));
    log_.warning("jobs are given back", {{"queue", queue->source.queue},
                                         {"count", reply.failure ? "0" : reply.rows.back().text(0, 0)}});
  }
}

// A full answer means that there is more.
Task<void> JobRunner::claim_for_ever(Queue& queue) {
  milliseconds pause = options_.poll_least;
  while (!draining_) {
    const size_t most = queue.source.most_in_flight;
    const size_t room = most - std::min(most, queue.held.size());
    // A claim costs the same for one job or many: it waits until it can take a good part of them.
    if (room * 4 < most + 3) {
      co_await queue.room.wait(1s);
      continue;
    }
    const size_t taken = co_await claim(queue, room);
    if (taken == room) continue;
    pause = taken > 0 ? options_.poll_least : std::min(pause * 2, options_.poll_most);
    co_await queue.pause.wait(jittered(pause));
  }
}

Task<size_t> JobRunner::claim(Queue& queue, size_t how_many) {
  co_await database_.wait_until_up();
  const Reply reply = co_await database_.try_ask(statements_->claim, queue.source.queue, options_.worker,
                                                 std::to_string(how_many));
  if (reply.failure) {
    if (!reply.failure->is_passing())
      log_.error(
          "cannot claim jobs",
          {{"queue", queue.source.queue}, {"error", reply.failure->message}, {"hint", reply.failure->hint}});
    co_return 0;
  }
  const Rows& rows = reply.rows.back();
  for (int row = 0; row < rows.size(); row++) begin(queue, rows, row);
  queue.claimed.Increment(rows.size());
  co_return static_cast<size_t>(rows.size());
}

void JobRunner::begin(Queue& queue, const Rows& rows, int row) {
  Event event{Event::Source::job, queue.source.queue, std::string(rows.text(row, 0))};
  event.epoch = number<int64_t>(rows.text(row, 1));
  event.attempt = number<int>(rows.text(row, 2));
  event.payload = rows.text(row, 3);
  const milliseconds lease(number<int64_t>(rows.text(row, 4)));
  if (lease < queue.lease) queue.heart.ring();
  queue.lease = lease;
  const auto job = number<int64_t>(event.id);
  const auto context =
      std::make_shared<Run>(*this, std::move(event), job, Delivery::Clock::now() + queue.source.deadline);
  queue.held[job] = context;
  loop_.spawn("job of " + queue.source.queue, run_job(queue, context));
}

Task<void> JobRunner::run_job(Queue& queue, Context context) {
  const auto started = Delivery::Clock::now();
  Attempt made = co_await attempt(queue.source.handler, *context);
  queue.seconds.Observe(std::chrono::duration<double>(Delivery::Clock::now() - started).count());
  context->take(RunNews::handled);
  std::string reason;
  try {
    co_await end_run(queue, context, std::move(made));
    co_return;
  } catch (const std::exception& failure) {
    reason = clean(failure.what());
  }
  co_await end_failed(queue, context, std::move(reason), true);
}

Task<void> JobRunner::end_run(Queue& queue, Context context, Attempt made) {
  if (context->state == RunState::over) {
    queue.lost.Increment();
    forget(queue, *context);
  } else if (made.postponed) {
    co_await postpone(queue, context, std::move(made.reason), *made.postponed);
  } else if (made.failed) {
    co_await end_failed(queue, context, std::move(made.reason), made.retry);
  } else if (!made.effects.statements.empty()) {
    co_await end_with_effects(queue, context, std::move(made.effects));
  } else {
    queue.done.emplace_back(context, std::move(made.effects.result));
    queue.done_bell.ring();
  }
}

// One transaction: should its answer be lost, the next try finds the lease over, and rolls back.
Task<void> JobRunner::end_with_effects(Queue& queue, Context context, Effects effects) {
  std::vector<Query> queries = std::move(effects.statements);
  const size_t count = queries.size();
  const std::array one{context};
  queries.push_back({&statements_->complete_one, arguments_of(ids_of(one), epochs_of(one))});
  if (!effects.result.empty()) {
    queries.back().arguments.push_back({array_of(std::array{effects.result}, append_result)});
  } else {
    queries.back().arguments.emplace_back();
  }
  const Reply reply = co_await run_until_answered(std::move(queries), count);
  if (!reply.failure) {
    queue.finished.Increment();
    forget(queue, *context);
  } else if (reply.failure->sqlstate == lease_is_over) {
    queue.lost.Increment();
    forget(queue, *context);
  } else {
    co_await end_failed(queue, context, clean(reply.failure->reason()), true);
  }
}

Task<void> JobRunner::end_failed(Queue& queue, Context context, std::string reason, bool retry) {
  const Event& job = context->event();
  const Reply reply = co_await run_until_answered(WorkerDatabase::query(
      statements_->fail, job.id, std::to_string(job.epoch), reason, std::string(retry ? "true" : "false")));
  const std::string outcome =
      reply.failure ? reply.failure->message : std::string(reply.rows.back().text(0, 0));
  log_.warning("a job failed", {{"queue", queue.source.queue},
                                {"job", job.id},
                                {"attempt", std::to_string(job.attempt)},
                                {"reason", reason},
                                {"outcome", outcome}});
  queue.failed.Increment();
  forget(queue, *context);
}

Task<void> JobRunner::postpone(Queue& queue, Context context, std::string reason, milliseconds delay) {
  const Event& job = context->event();
  co_await run_until_answered(WorkerDatabase::query(statements_->postpone, job.id, std::to_string(job.epoch),
                                                    std::to_string(delay.count()), std::move(reason)));
  queue.postponed.Increment();
  forget(queue, *context);
}

void JobRunner::forget(Queue& queue, Run& run) {
  run.take(RunNews::told);
  const auto found = queue.held.find(run.id);
  // A job that was lost may have come back under a new epoch.
  if (found != queue.held.end() && found->second.get() == &run) queue.held.erase(found);
  queue.room.ring();
}

Task<void> JobRunner::report_for_ever(Queue& queue) {
  while (true) {
    if (queue.done.empty()) {
      co_await queue.done_bell.wait(1s);
      continue;
    }
    std::vector<std::pair<Context, std::string>> done;
    if (queue.done.size() <= most_reported) {
      done.swap(queue.done);
    } else {
      const auto end = queue.done.begin() + most_reported;
      done.assign(std::make_move_iterator(queue.done.begin()), std::make_move_iterator(end));
      queue.done.erase(queue.done.begin(), end);
    }
    co_await report_done(queue, std::move(done));
  }
}

// What Postgres refuses (a result that is no JSON, say) is found by reporting one by one.
Task<void> JobRunner::report_done(Queue& queue, std::vector<std::pair<Context, std::string>> done) {
  std::vector<Context> contexts;
  bool has_results = false;
  for (const auto& [context, result] : done) {
    contexts.push_back(context);
    has_results |= !result.empty();
  }
  Query complete = WorkerDatabase::query(statements_->complete, ids_of(contexts), epochs_of(contexts));
  complete.arguments.emplace_back();
  if (has_results)
    complete.arguments.back().value =
        array_of(done, [](std::string& text, const auto& one) { append_result(text, one.second); });
  const Reply reply = co_await run_until_answered(std::move(complete));
  if (reply.failure && done.size() > 1) {
    for (auto& one : done) {
      std::vector<std::pair<Context, std::string>> single;
      single.push_back(std::move(one));
      co_await report_done(queue, std::move(single));
    }
  } else if (reply.failure) {
    co_await end_failed(queue, contexts.front(), clean("its end was refused: " + reply.failure->reason()),
                        true);
  } else {
    queue.finished.Increment(number<int>(reply.rows.back().text(0, 0)));
    for (const auto& context : contexts) forget(queue, *context);
  }
}

Task<void> JobRunner::beat_for_ever(Queue& queue) {
  while (true) {
    co_await queue.heart.wait(queue.lease / 3);
    co_await beat(queue);
  }
}

Task<void> JobRunner::beat(Queue& queue) {
  std::vector<Context> alive;
  for (const auto& [id, context] : queue.held)
    if (is_held(context->state) && Delivery::Clock::now() < context->deadline()) alive.push_back(context);
  if (alive.empty()) co_return;
  const Reply reply = co_await database_.try_hold(
      WorkerDatabase::query(statements_->heartbeat, ids_of(alive), epochs_of(alive)));
  if (reply.failure) co_return;  // the next beat comes before the lease ends
  std::map<int64_t, bool> cancelled;
  const Rows& rows = reply.rows.back();
  for (int row = 0; row < rows.size(); row++)
    cancelled[number<int64_t>(rows.text(row, 0))] = rows.text(row, 1) == "t";
  for (const auto& context : alive) {
    const auto found = cancelled.find(context->id);
    if (found == cancelled.end())
      context->lose();
    else if (found->second)
      context->cancel();
  }
}

Task<void> JobRunner::expire_for_ever() {
  while (true) {
    milliseconds pause = expire_every;
    for (const auto& queue : queues_) pause = std::min(pause, queue->lease);
    co_await sleep_for(jittered(pause));
    co_await database_.try_ask(statements_->expire);
  }
}

Task<void> JobRunner::say_progress(Run& run, double fraction, std::string note) {
  const Reply reply =
      co_await database_.try_ask(statements_->progress, run.event().id, std::to_string(run.event().epoch),
                                 std::to_string(fraction), clean(note));
  if (reply.failure && reply.failure->sqlstate == lease_is_over)
    run.lose();
  else if (!reply.failure && reply.rows.back().text(0, 0) == "t")
    run.cancel();
}

// Reports are not lost while Postgres is away. To repeat one that did commit is harmless: its epoch is over.
Task<Reply> JobRunner::run_until_answered(std::vector<Query> queries, size_t effects) {
  Patience patience;
  while (true) {
    Reply reply = co_await database_.try_run(queries);
    if (!reply.failure) trouble_.end("the ends of jobs are told again");
    if (!reply.failure || !reply.failure->is_passing()) co_return reply;
    const bool is_handlers = reply.failure->kind == PgFailure::Kind::refused && reply.rows.size() < effects;
    if (is_handlers && patience.is_over(reply.failure->sqlstate, Delivery::Clock::now())) co_return reply;
    const auto pause = trouble_.meet("cannot tell the end of jobs", reply.failure->reason());
    co_await sleep_for(std::min(pause, jittered(retry_after)));
    co_await database_.wait_until_up();
  }
}

}  // namespace tenfold::sidecar

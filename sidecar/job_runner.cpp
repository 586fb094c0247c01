#include "sidecar/job_runner.hpp"

#include <algorithm>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>

#include "sidecar/json_text.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto as_tuple = asio::experimental::as_tuple(asio::use_awaitable);

constexpr size_t most_reported = 1000;  // in one transaction
constexpr milliseconds expire_every = 5s, retry_after = 100ms;

template <class Number>
Number number(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Array literals of Postgres.
template <class Items, class Write>
std::string array_of(const Items& items, Write write) {
  std::string text = "{";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    write(text, item);
  }
  return text + '}';
}

void append_element(std::string& text, const std::string& element) {
  if (element.empty()) {
    text += "NULL";
    return;
  }
  text += '"';
  for (const char letter : element) {
    if (letter == '"' || letter == '\\') text += '\\';
    text += letter;
  }
  text += '"';
}

std::string ids_of(const std::vector<std::shared_ptr<JobContext>>& jobs) {
  return array_of(jobs, [](std::string& text, const auto& one) { text += std::to_string(one->job().id); });
}

std::string epochs_of(const std::vector<std::shared_ptr<JobContext>>& jobs) {
  return array_of(jobs, [](std::string& text, const auto& one) { text += std::to_string(one->job().epoch); });
}

// A list in braces within a co_await is more than g++ 12 can compile.
template <class... Texts>
std::vector<Argument> arguments_of(Texts... texts) {
  std::vector<Argument> arguments;
  (arguments.push_back({std::optional<std::string>(std::move(texts))}), ...);
  return arguments;
}

// Text as Postgres takes it: UTF-8 without zero bytes. Reasons come from wherever a handler called.
std::string clean(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0)
      out += "\uFFFD";
    else if (text.front() != 0)
      out += text.substr(0, length);
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

// Postgres is away, starts, stops, or asks to try again: not our statement's fault.
bool is_passing(const PgFailure& failure) {
  if (failure.kind != PgFailure::Kind::refused) return true;
  const std::string_view state = failure.sqlstate;
  return state.starts_with("57") || state.starts_with("40") || state.starts_with("53") ||
         state.starts_with("55");
}

}  // namespace

milliseconds JobContext::time_left() const {
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(deadline_ - Clock::now()));
}

struct JobRunner::Statements {
  Statement role, claim, complete, fail, postpone, release, heartbeat, progress, expire;

  Statements(const JobOptions& options, Statement::Keep keep)
      : role("SELECT set_config('role', $1, true)", keep, options.role),
        claim(
            "SELECT job_id, epoch, attempts, max_attempts, payload, "
            "(extract(epoch FROM expires_at - leased_at) * 1000)::bigint "
            "FROM tenfold.claim_jobs($1, $2, $3)",
            keep, options.role),
        complete("SELECT cardinality(tenfold.complete_jobs($1, $2, $3, true))", keep, options.role),
        fail("SELECT tenfold.fail_job($1, $2, $3, $4)", keep, options.role),
        postpone("SELECT tenfold.postpone_job($1, $2, make_interval(secs => $3::float8 / 1000), $4)", keep,
                 options.role),
        release("SELECT cardinality(tenfold.release_jobs($1, $2))", keep, options.role),
        heartbeat("SELECT job_id, cancel_asked FROM tenfold.heartbeat_jobs($1, $2, true)", keep,
                  options.role),
        progress("SELECT tenfold.progress_job($1, $2, $3, $4)", keep, options.role),
        expire("SELECT tenfold.expire_leases()", keep, options.role) {}
};

struct JobRunner::Queue {
  JobSource source;
  asio::steady_timer room, pause, done_bell, heart;  // waited on until cancelled: a condition, on one thread
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

  static Task<void> wait(asio::steady_timer& bell, milliseconds most) {
    bell.expires_after(most);
    co_await bell.async_wait(as_tuple);
  }
};

JobRunner::JobRunner(Loop& loop, const Log& log, Metrics& metrics, Pool& pool, JobOptions options)
    : loop_(loop),
      log_(log),
      metrics_(metrics),
      pool_(pool),
      options_(std::move(options)),
      statements_(std::make_unique<Statements>(
          options_, options_.prepared ? Statement::Keep::prepared : Statement::Keep::once)) {}

JobRunner::~JobRunner() = default;

void JobRunner::add(JobSource source) {
  queues_.push_back(std::make_unique<Queue>(std::move(source), loop_.io(), metrics_));
}

void JobRunner::start() {
  if (queues_.empty()) return;
  metrics_.gauge("tenfold_jobs_in_flight", "jobs that are held",
                 [this] { return static_cast<double>(under_way()); });
  for (const auto& queue : queues_) {
    loop_.spawn("claims of " + queue->source.queue, claim_for_ever(*queue));
    loop_.spawn("reports of " + queue->source.queue, report_for_ever(*queue));
    loop_.spawn("heart of " + queue->source.queue, beat_for_ever(*queue));
  }
  loop_.spawn("expiry of leases", expire_for_ever());
}

void JobRunner::drain() {
  draining_ = true;
  for (const auto& queue : queues_) {
    queue->room.cancel();
    queue->pause.cancel();
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
      context->lost_ = true;
      running.push_back(context);
    }
    if (running.empty()) continue;
    const Reply reply = co_await ask(statements_->release, arguments_of(ids_of(running), epochs_of(running)));
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
      co_await Queue::wait(queue.room, 1s);
      continue;
    }
    const size_t taken = co_await claim(queue, room);
    if (taken == room) continue;
    pause = taken > 0 ? options_.poll_least : std::min(pause * 2, options_.poll_most);
    co_await Queue::wait(queue.pause, jittered(pause));
  }
}

Task<size_t> JobRunner::claim(Queue& queue, size_t how_many) {
  co_await pool_.wait_until_up();
  const Reply reply = co_await ask(
      statements_->claim, arguments_of(queue.source.queue, options_.worker, std::to_string(how_many)));
  if (reply.failure) {
    if (!is_passing(*reply.failure))
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
  Job job{number<int64_t>(rows.text(row, 0)), number<int64_t>(rows.text(row, 1)),
          number<int>(rows.text(row, 2)), number<int>(rows.text(row, 3)), std::string(rows.text(row, 4))};
  const milliseconds lease(number<int64_t>(rows.text(row, 5)));
  if (lease < queue.lease) queue.heart.cancel();
  queue.lease = lease;
  const auto context =
      std::make_shared<JobContext>(std::move(job), JobContext::Clock::now() + queue.source.deadline,
                                   [this](JobContext& of, double fraction, std::string note) {
                                     return say_progress(of, fraction, std::move(note));
                                   });
  queue.held[context->job().id] = context;
  loop_.spawn("job of " + queue.source.queue, run_job(queue, context));
}

Task<void> JobRunner::run_job(Queue& queue, Context context) {
  const auto started = JobContext::Clock::now();
  std::string result, reason;
  bool failed = true, retry = true;
  std::optional<milliseconds> delay;
  try {
    result = co_await queue.source.handler(*context);
    failed = false;
  } catch (const JobFailure& failure) {
    reason = failure.what();
    retry = failure.retry;
  } catch (const JobPostponed& postponed) {
    reason = postponed.what();
    delay = postponed.delay;
  } catch (const std::exception& failure) {
    reason = failure.what();
  }
  queue.seconds.Observe(std::chrono::duration<double>(JobContext::Clock::now() - started).count());
  if (context->lost_) {
    queue.lost.Increment();
    forget(queue, *context);
  } else if (delay) {
    co_await postpone(queue, context, std::move(reason), *delay);
  } else if (failed) {
    co_await end_failed(queue, context, std::move(reason), retry);
  } else {
    queue.done.emplace_back(context, std::move(result));
    queue.done_bell.cancel();
  }
}

Task<void> JobRunner::end_failed(Queue& queue, Context context, std::string reason, bool retry) {
  const Job& job = context->job();
  reason = clean(reason);
  const Reply reply = co_await ask_until_answered(
      statements_->fail, arguments_of(std::to_string(job.id), std::to_string(job.epoch), reason,
                                      std::string(retry ? "true" : "false")));
  const std::string outcome =
      reply.failure ? reply.failure->message : std::string(reply.rows.back().text(0, 0));
  log_.warning("a job failed", {{"queue", queue.source.queue},
                                {"job", std::to_string(job.id)},
                                {"attempt", std::to_string(job.attempt)},
                                {"reason", reason},
                                {"outcome", outcome}});
  queue.failed.Increment();
  forget(queue, *context);
}

Task<void> JobRunner::postpone(Queue& queue, Context context, std::string reason, milliseconds delay) {
  const Job& job = context->job();
  co_await ask_until_answered(statements_->postpone,
                              arguments_of(std::to_string(job.id), std::to_string(job.epoch),
                                           std::to_string(delay.count()), clean(std::move(reason))));
  queue.postponed.Increment();
  forget(queue, *context);
}

void JobRunner::forget(Queue& queue, const JobContext& context) {
  const auto found = queue.held.find(context.job().id);
  // A job that was lost may have come back under a new epoch.
  if (found != queue.held.end() && found->second.get() == &context) queue.held.erase(found);
  queue.room.cancel();
}

Task<void> JobRunner::report_for_ever(Queue& queue) {
  while (true) {
    if (queue.done.empty()) {
      co_await Queue::wait(queue.done_bell, 1s);
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
  std::vector<Argument> arguments = arguments_of(ids_of(contexts), epochs_of(contexts));
  arguments.emplace_back();
  if (has_results)
    arguments.back().value =
        array_of(done, [](std::string& text, const auto& one) { append_element(text, one.second); });
  const Reply reply = co_await ask_until_answered(statements_->complete, std::move(arguments));
  if (reply.failure && done.size() > 1) {
    for (auto& one : done) {
      std::vector<std::pair<Context, std::string>> single;
      single.push_back(std::move(one));
      co_await report_done(queue, std::move(single));
    }
  } else if (reply.failure) {
    co_await end_failed(queue, contexts.front(), "its end was refused: " + reply.failure->message, true);
  } else {
    queue.finished.Increment(number<int>(reply.rows.back().text(0, 0)));
    for (const auto& context : contexts) forget(queue, *context);
  }
}

Task<void> JobRunner::beat_for_ever(Queue& queue) {
  while (true) {
    co_await Queue::wait(queue.heart, queue.lease / 3);
    co_await beat(queue);
  }
}

Task<void> JobRunner::beat(Queue& queue) {
  std::vector<Context> alive;
  for (const auto& [id, context] : queue.held)
    if (JobContext::Clock::now() < context->deadline()) alive.push_back(context);
  if (alive.empty()) co_return;
  const Reply reply = co_await ask(statements_->heartbeat, arguments_of(ids_of(alive), epochs_of(alive)));
  if (reply.failure) co_return;  // the next beat comes before the lease ends
  std::map<int64_t, bool> cancelled;
  const Rows& rows = reply.rows.back();
  for (int row = 0; row < rows.size(); row++)
    cancelled[number<int64_t>(rows.text(row, 0))] = rows.text(row, 1) == "t";
  for (const auto& context : alive) {
    const auto found = cancelled.find(context->job().id);
    context->lost_ |= found == cancelled.end();
    context->cancelled_ |= found != cancelled.end() && found->second;
  }
}

Task<void> JobRunner::expire_for_ever() {
  while (true) {
    milliseconds pause = expire_every;
    for (const auto& queue : queues_) pause = std::min(pause, queue->lease);
    co_await sleep_for(jittered(pause));
    co_await ask(statements_->expire, arguments_of());
  }
}

Task<void> JobRunner::say_progress(JobContext& context, double fraction, std::string note) {
  const Job& job = context.job();
  const Reply reply = co_await ask(
      statements_->progress,
      arguments_of(std::to_string(job.id), std::to_string(job.epoch), std::to_string(fraction), clean(note)));
  if (!reply.failure)
    context.cancelled_ |= reply.rows.back().text(0, 0) == "t";
  else
    context.lost_ |= reply.failure->sqlstate == "TF021";
}

Task<Reply> JobRunner::ask(const Statement& statement, std::vector<Argument> arguments) {
  std::vector<Query> queries;
  if (!options_.role.empty()) queries.push_back({&statements_->role, arguments_of(options_.role)});
  queries.push_back({&statement, std::move(arguments)});
  return pool_.run(std::move(queries));
}

// Reports are not lost while Postgres is away. To repeat one that did commit is harmless: its epoch is over.
Task<Reply> JobRunner::ask_until_answered(const Statement& statement, std::vector<Argument> arguments) {
  while (true) {
    Reply reply = co_await ask(statement, arguments);
    if (!reply.failure || !is_passing(*reply.failure)) co_return reply;
    co_await sleep_for(jittered(retry_after));
    co_await pool_.wait_until_up();
  }
}

milliseconds JobRunner::jittered(milliseconds time) {
  return milliseconds(
      std::uniform_int_distribution<int64_t>(time.count() * 3 / 4, time.count() * 5 / 4)(random_));
}

}  // namespace tenfold::sidecar

#include "daemon/daemon.hpp"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "kafka/client.hpp"

namespace tenfold::sidecar {
namespace {

using namespace std::chrono_literals;

constexpr size_t least_outgoing_calls = 256;
constexpr auto give_back_time = 2s;

JobOptions job_options(const Settings& settings) {
  JobOptions options;
  options.worker = instance_name();
  options.poll_least = settings.duration("jobs.poll_least");
  options.poll_most = std::max(options.poll_least, settings.duration("jobs.poll_most"));
  return options;
}

EventOptions event_options(const Settings& settings) {
  EventOptions options;
  options.instance = instance_name();
  options.lease = settings.duration("events.lease");
  options.poll_most = settings.duration("events.poll_most");
  return options;
}

// One connection for what renews leases: no statement of other work stands before it.
PoolOptions lease_pool_options(const Settings& settings) {
  PoolOptions options = pool_options(settings);
  options.connections = 1;
  options.depth = 16;
  return options;
}

HttpAnswer plain(int status, std::string body) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body)};
}

}  // namespace

PoolOptions pool_options(const Settings& settings) {
  PoolOptions options;
  options.dsn = settings.text("database.dsn");
  options.connections = settings.size("database.connections");
  options.depth = settings.size("database.depth");
  options.queue = settings.size("database.queue");
  options.queue_timeout = settings.duration("database.queue_timeout");
  options.connect_timeout = settings.duration("database.connect_timeout");
  options.answer_timeout = settings.duration("database.answer_timeout");
  return options;
}

HttpClientOptions http_options(const Settings& settings) {
  auto allowed = AddressRules::read(settings.text("http.allow"));
  if (!allowed) throw std::runtime_error(allowed.error().message + "; " + allowed.error().hint);
  HttpClientOptions options;
  options.allowed = std::move(*allowed);
  options.most_in_flight = settings.size("http.in_flight");
  options.most_lookups = settings.size("http.lookups");
  return options;
}

std::vector<SettingRow> daemon_settings() {
  using Kind = SettingKind;
  std::vector<SettingRow> rows{
      {"log.format",
       Kind::choice,
       "auto",
       "how lines look; auto: text on a terminal, else JSON",
       0,
       INT64_MAX,
       {"auto", "json", "text"}},
      {"log.level",
       Kind::choice,
       "info",
       "the least important lines to write",
       0,
       INT64_MAX,
       {"debug", "info", "warning", "error"}},
      {"admin.listen", Kind::text, "127.0.0.1:9180",
       "address of /healthz, /readyz and /metrics; empty: none"},
      {"database.dsn", Kind::text, "", "libpq connection string; empty: PGHOST, PGDATABASE and so on"},
      {"database.connections", Kind::number, "8", "connections to Postgres, and one more for leases", 1,
       1000},
      {"database.depth", Kind::number, "4", "transactions under way on one connection", 1, 1000},
      {"database.queue", Kind::number, "1000", "transactions that wait for a connection; more are refused", 0,
       1'000'000},
      {"database.queue_timeout", Kind::duration, "10s", "a transaction that waited so long is refused", 1,
       3'600'000},
      {"database.prepared", Kind::flag, "on", "prepare statements by name; off behind a pooler that cannot"},
      {"database.connect_timeout", Kind::duration, "5s", "for a new connection", 1, 3'600'000},
      {"database.answer_timeout", Kind::duration, "60s",
       "then a silent connection is given up; workers' statements end before", 1, 3'600'000},
      {"database.worker_role", Kind::text, "tenfold_worker",
       "role of jobs and events; empty: that of the login"},
      {"http.allow", Kind::text, "",
       "addresses and networks, such as 10.1.2.3, 192.168.0.0/16, that calls to URLs may reach beside the "
       "public internet"},
      {"http.in_flight", Kind::number, "0",
       "calls to URLs under way at once; more wait for their turn; 0: as many as all routes may have under "
       "way",
       0, 100'000},
      {"http.in_flight_each", Kind::number, "32", "calls to one provider under way at once", 1, 100'000},
      {"http.lookups", Kind::number, "32", "names being looked up at once, each by a thread", 1, 1000},
      {"jobs.poll_least", Kind::duration, "5ms", "between two claims while there is work", 1, 3'600'000},
      {"jobs.poll_most", Kind::duration, "1s", "between two claims while there is none", 1, 3'600'000},
      {"events.tick", Kind::duration, "50ms", "between two ticks: what is published is seen from the next on",
       1, 60'000},
      {"events.lease", Kind::duration, "30s", "an instance that is silent for so long has lost its consumers",
       1000, 3'600'000},
      {"events.poll_most", Kind::duration, "1s", "between two looks for events where no tick told of any", 1,
       3'600'000},
      {"shutdown.delay", Kind::duration, "0s", "how long /readyz says no before connections are refused", 0,
       3'600'000},
      {"shutdown.timeout", Kind::duration, "30s",
       "how long requests, jobs and batches under way may take to end", 0, 3'600'000},
  };
  const std::vector<SettingRow> kafka = kafka_settings();
  rows.insert(rows.end(), kafka.begin(), kafka.end());
  return rows;
}

Daemon::Daemon(const Settings& settings, std::span<const Worker> workers)
    : settings_(settings),
      log_(Log::from_names(settings.text("log.format"), settings.text("log.level"))),
      loop_(log_),
      pool_(loop_, log_, pool_options(settings)),
      leases_(loop_, log_, lease_pool_options(settings)),
      http_(loop_, http_options(settings)),
      worker_database_(pool_, leases_, settings),
      providers_(loop_, log_, worker_database_, http_, settings.size("http.in_flight_each")),
      jobs_(loop_, log_, metrics_, worker_database_, job_options(settings)),
      events_(loop_, log_, metrics_, worker_database_, event_options(settings)),
      kafka_(loop_, log_, metrics_, worker_database_, settings),
      ticker_(loop_, log_, worker_database_, settings.duration("events.tick"), [this] { tell_of_tick(); }) {
  for (const Worker& worker : workers) start_worker(worker);
  if (settings.size("http.in_flight") == 0)
    http_.allow_in_flight(std::max(least_outgoing_calls, most_under_way_));
  metrics_.gauge("tenfold_ready", "1: a request would be served now",
                 [this] { return readiness().status == 200 ? 1.0 : 0.0; });
  metrics_.gauge("tenfold_database_connections", "connections to Postgres that are up",
                 [this] { return static_cast<double>(pool_.connections_up()); });
  metrics_.gauge("tenfold_database_in_flight", "transactions whose answer is awaited",
                 [this] { return static_cast<double>(pool_.in_flight()); });
  metrics_.gauge("tenfold_database_queued", "transactions that wait for a connection",
                 [this] { return static_cast<double>(pool_.queued()); });
  if (settings.text("admin.listen").empty()) return;
  const auto handler = [this](const HttpRequest& request) { return answer_admin(request); };
  admin_ =
      std::make_unique<HttpServer>(loop_, log_, HttpServerOptions{settings.text("admin.listen")}, handler);
}

Daemon::~Daemon() = default;

void Daemon::start_worker(const Worker& worker) {
  auto running = std::make_unique<Running>();
  running->name = worker.name;
  running->worker =
      worker.start(Services{settings_, log_, loop_, metrics_, pool_, worker_database_, http_, providers_});
  for (HttpSource& source : running->worker->http_sources())
    running->servers.push_back(
        std::make_unique<HttpServer>(loop_, log_, std::move(source.options), std::move(source.handler)));
  const auto add = [this](auto sources, auto& runner) {
    for (auto& source : sources) {
      most_under_way_ += source.most_in_flight;
      runner.add(std::move(source));
    }
  };
  add(running->worker->job_sources(), jobs_);
  add(running->worker->event_sources(), events_);
  add(running->worker->kafka_sources(), kafka_);
  running_.push_back(std::move(running));
}

int Daemon::run() {
  pool_.start();
  loop_.on_signals([this] { loop_.spawn_vital("drain", drain()); },
                   [this] { loop_.spawn("reload", reload()); });
  if (admin_) {
    admin_->start();
    log_.info("listening", {{"server", "admin"}, {"address", admin_->address()}});
  }
  for (const auto& running : running_) {
    for (const auto& server : running->servers) {
      server->start();
      log_.info("listening", {{"server", running->name}, {"address", server->address()}});
    }
    loop_.spawn_vital("load " + running->name, load_worker(*running));
  }
  jobs_.start();
  events_.start();
  kafka_.start();
  if (reads_log()) ticker_.start();
  uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) > 0)
    loop_.spawn("watchdog", feed_watchdog(std::chrono::microseconds(microseconds)));
  const int code = loop_.run();
  log_.info("stopped");
  return code;
}

bool Daemon::reads_log() const {
  return !events_.is_idle() ||
         std::ranges::any_of(running_, [](const auto& one) { return one->worker->reads_log(); });
}

void Daemon::tell_of_tick() {
  events_.ring();
  for (const auto& running : running_) running->worker->on_tick();
}

Task<void> Daemon::load_worker(Running& running) {
  co_await running.worker->load();
  running.is_loaded = true;
  log_.info("ready", {{"worker", running.name}});
  announce_if_ready();
}

// Tells systemd twice within its time that the loop still turns.
Task<void> Daemon::feed_watchdog(std::chrono::microseconds time) {
  while (true) {
    sd_notify(0, "WATCHDOG=1");
    co_await sleep_for(time / 2);
  }
}

void Daemon::announce_if_ready() {
  if (std::ranges::all_of(running_, [](const auto& one) { return one->is_loaded; })) sd_notify(0, "READY=1");
}

// One after the other: what was asked for last is what holds.
Task<void> Daemon::reload() {
  reloads_again_ = true;
  if (reloading_) co_return;
  const std::shared_ptr<void> end(nullptr, [this](void*) { reloading_ = false; });
  reloading_ = true;
  while (std::exchange(reloads_again_, false)) co_await reload_once();
}

Task<void> Daemon::reload_once() {
  sd_notify(0, "RELOADING=1");
  pool_.renew();
  leases_.renew();
  for (const auto& running : running_) {
    try {
      co_await running->worker->load();
      for (const auto& server : running->servers) server->reload();
      log_.info("reloaded", {{"worker", running->name}});
    } catch (const std::exception& failure) {
      log_.error("cannot reload; going on as before", {{"worker", running->name}, {"error", failure.what()}});
    }
  }
  announce_if_ready();
}

// Readiness first, so that a load balancer sends no more; then no new connections, jobs and batches; then
// what is under way ends. What does not end in time is given back.
Task<void> Daemon::drain() {
  draining_ = true;
  pool_.drain();
  leases_.drain();
  jobs_.drain();
  events_.drain();
  kafka_.drain();
  ticker_.drain();
  sd_notify(0, "STOPPING=1");
  log_.info("draining");
  co_await sleep_for(settings_.duration("shutdown.delay"));
  for (const auto& running : running_) {
    running->worker->drain();
    for (const auto& server : running->servers) server->drain();
  }
  const auto end = std::chrono::steady_clock::now() + settings_.duration("shutdown.timeout");
  while (under_way() > 0 && std::chrono::steady_clock::now() < end) co_await sleep_for(10ms);
  if (under_way() > 0)
    log_.warning("requests, jobs or batches were still under way", {{"count", std::to_string(under_way())}});
  co_await give_back();
  pool_.stop();
  leases_.stop();
  loop_.stop();
}

// What does not succeed in time ends with its lease.
Task<void> Daemon::give_back() {
  const auto left = std::make_shared<size_t>(0);
  const auto run = [](Task<void> task, std::shared_ptr<size_t> count) -> Task<void> {
    const std::shared_ptr<void> end(nullptr, [count](void*) { --*count; });
    co_await std::move(task);
  };
  const auto begin = [&](const std::string& what, Task<void> task) {
    ++*left;
    loop_.spawn("giving back " + what, run(std::move(task), left));
  };
  begin("jobs", jobs_.give_back());
  begin("consumers", events_.release());
  begin("partitions", kafka_.give_back());
  for (const auto& running : running_) begin("leases of " + running->name, running->worker->give_back());
  const auto end = std::chrono::steady_clock::now() + give_back_time;
  while (*left > 0 && std::chrono::steady_clock::now() < end) co_await sleep_for(10ms);
}

size_t Daemon::under_way() const {
  size_t sum = jobs_.under_way() + events_.under_way() + kafka_.under_way();
  for (const auto& running : running_) {
    sum += running->worker->is_busy() ? 1 : 0;
    for (const auto& server : running->servers) sum += server->active();
  }
  return sum;
}

Task<HttpAnswer> Daemon::answer_admin(const HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") co_return plain(405, "GET only\n");
  if (request.path == "/healthz") co_return plain(200, "alive\n");
  if (request.path == "/readyz") co_return readiness();
  if (request.path == "/metrics") {
    HttpAnswer answer{200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}};
    answer.body = metrics_.text();
    co_return answer;
  }
  co_return plain(404, "here are /healthz, /readyz and /metrics\n");
}

// Ready means: a request would be served now.
HttpAnswer Daemon::readiness() const {
  if (draining_) return plain(503, "draining\n");
  if (!pool_.is_up()) return plain(503, "no connection to Postgres\n");
  for (const auto& running : running_)
    if (!running->is_loaded) return plain(503, running->name + " is not loaded\n");
  return plain(200, "ready\n");
}

}  // namespace tenfold::sidecar

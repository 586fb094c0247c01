// What a worker is: a declaration, and an object that does its work. It knows nothing of signals, sockets or
// reconnecting: it says which sources it has, and the daemon serves them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/metrics.hpp"
#include "base/settings.hpp"
#include "events/source.hpp"
#include "http/client.hpp"
#include "http/provider_client.hpp"
#include "http/server.hpp"
#include "jobs/source.hpp"
#include "kafka/source.hpp"
#include "postgres/pool.hpp"
#include "postgres/worker_database.hpp"

namespace tenfold::sidecar {

// What the daemon offers to its workers. All of it outlives them.
struct Services {
  const Settings& settings;
  const Log& log;
  Loop& loop;
  Metrics& metrics;
  Pool& database;
  WorkerDatabase& worker_database;
  HttpClient& http;
  ProviderClient& providers;
};

// An HTTP server that hands its requests to the worker.
struct HttpSource {
  HttpServerOptions options;
  HttpHandler handler;
};

class RunningWorker {
 public:
  virtual ~RunningWorker() = default;

  virtual std::vector<HttpSource> http_sources() { return {}; }
  virtual std::vector<JobSource> job_sources() { return {}; }
  virtual std::vector<EventSource> event_sources() { return {}; }
  virtual std::vector<KafkaSource> kafka_sources() { return {}; }
  // Reads the log of events by itself: the daemon ticks for it, as it does for event sources, and tells of
  // each new tick.
  virtual bool reads_log() { return false; }
  virtual void on_tick() {}
  // For work that no source brings: at SIGTERM, begin no more; and whether something is still under way.
  virtual void drain() {}
  virtual bool is_busy() const { return false; }
  // Its time is over: leases that it holds are given back, and what is under way counts no more.
  virtual Task<void> give_back() { co_return; }
  // Gets ready, and again at each SIGHUP. Waits as long as Postgres is away; what it throws ends the process
  // at the start, and is logged at a reload, after which the worker goes on as before.
  virtual Task<void> load() = 0;
};

// A word of the command line beside `run`, for what is done by hand and needs no daemon: tenfold NAME
// --OPTION=….
struct Command {
  std::string name;
  std::string purpose;  // one line for people
  std::string lesson;   // the rest of its --help
  std::string option, option_meaning;
  std::function<std::string(const std::string&)> run;  // of the option's value; gives what to print
};

// The one thing in a worker's public header is a function that gives this.
struct Worker {
  std::string name;
  std::string purpose;  // one line for people
  std::vector<SettingRow> settings;
  std::function<std::unique_ptr<RunningWorker>(Services)>
      start;  // throws std::runtime_error for bad settings
  std::vector<Command> commands = {};
};

}  // namespace tenfold::sidecar

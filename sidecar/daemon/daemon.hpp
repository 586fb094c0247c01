// The process: the loop, what workers share, the admin address, the beginning and the end.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "daemon/worker.hpp"
#include "events/runner.hpp"
#include "events/ticker.hpp"
#include "jobs/runner.hpp"
#include "kafka/runner.hpp"

namespace tenfold::sidecar {

// The daemon's own settings.
std::vector<SettingRow> daemon_settings();

// The pool that the settings database.* describe.
PoolOptions pool_options(const Settings& settings);

// What http.* say. Throws std::runtime_error for an address that is none.
HttpClientOptions http_options(const Settings& settings);

class Daemon {
 public:
  Daemon(const Settings& settings, std::span<const Worker> workers);
  ~Daemon();

  // Until SIGTERM; gives the exit code.
  int run();

 private:
  struct Running {
    std::string name;
    std::unique_ptr<RunningWorker> worker;
    std::vector<std::unique_ptr<HttpServer>> servers;
    bool is_loaded = false;
  };

  void start_worker(const Worker& worker);
  bool reads_log() const;
  void tell_of_tick();
  Task<void> load_worker(Running& running);
  Task<void> reload();
  Task<void> reload_once();
  Task<void> drain();
  Task<void> give_back();
  Task<void> feed_watchdog(std::chrono::microseconds time);
  Task<HttpAnswer> answer_admin(const HttpRequest& request);
  HttpAnswer readiness() const;
  size_t under_way() const;
  void announce_if_ready();

  const Settings& settings_;
  Log log_;
  Loop loop_;
  Metrics metrics_;
  Pool pool_, leases_;
  size_t most_under_way_ = 0;  // events, jobs and messages, of all sources
  HttpClient http_;
  WorkerDatabase worker_database_;
  ProviderClient providers_;
  JobRunner jobs_;
  EventRunner events_;
  KafkaRunner kafka_;
  Ticker ticker_;
  std::vector<std::unique_ptr<Running>> running_;
  std::unique_ptr<HttpServer> admin_;
  bool draining_ = false, reloading_ = false, reloads_again_ = false;
};

}  // namespace tenfold::sidecar

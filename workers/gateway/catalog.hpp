// What the gateway knows of the database: the routes, each with its statements and metrics.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>

#include "daemon/worker.hpp"
#include "workers/gateway/pace.hpp"
#include "workers/gateway/route.hpp"

namespace tenfold::gateway {

// One generation of the catalogue. Requests that began with it keep it while a newer one is loaded.
class Catalog {
 public:
  Catalog(std::vector<Route> routes, std::string pre_request, const sidecar::Services& services);

  const RouteTable& table() const { return table_; }
  const sidecar::Statement& settings(const Route& route) const {
    return route.is_volatile ? write_settings_ : read_settings_;
  }
  // Null: there is none. A statement for each role: see Statement's scope.
  std::shared_ptr<const sidecar::Statement> pre_request(const std::string& role);

  // The call with these parameters. Only the first combinations of a route are kept prepared: a client that
  // plays through all of them fills no memory.
  std::shared_ptr<const sidecar::Statement> call(const Route& route, uint32_t present,
                                                 const std::string& role);

  // Of calls with these parameters; those beyond the first combinations share one.
  Pace& pace(const Route& route, uint32_t present);

  // Counts an answer of this route; null: of no route.
  void count(const Route* route, int status, std::chrono::steady_clock::duration duration);

 private:
  struct Meter {
    prometheus::Histogram* seconds = nullptr;
    std::map<int, prometheus::Counter*> answers;  // by status
  };

  Meter& meter(const Route* route);

  sidecar::Services services_;
  RouteTable table_;
  sidecar::Statement::Keep keep_;
  sidecar::Statement read_settings_, write_settings_;
  std::string pre_request_;                                                        // its name
  std::map<std::string, std::shared_ptr<const sidecar::Statement>> pre_requests_;  // by role
  std::map<std::tuple<const Route*, uint32_t, std::string>, std::shared_ptr<const sidecar::Statement>> calls_;
  std::map<const Route*, size_t> combinations_;
  std::map<const Route*, std::map<uint32_t, Pace>> paces_;
  std::unordered_map<const Route*, Meter> meters_;
};

// Reads tenfold.route. Rows that cannot be served are logged and left out. Throws std::runtime_error with
// Postgres's reason, or because the pre-request is not there: without it nothing is served. Waits while
// Postgres is away.
sidecar::Task<std::shared_ptr<Catalog>> load_catalog(const sidecar::Services& services);

}  // namespace tenfold::gateway

// From a request to its answer.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "daemon/worker.hpp"
#include "workers/gateway/call.hpp"
#include "workers/gateway/catalog.hpp"
#include "workers/gateway/client_address.hpp"
#include "workers/gateway/docs.hpp"
#include "workers/gateway/jwt.hpp"
#include "workers/gateway/key_file.hpp"
#include "workers/gateway/lane.hpp"
#include "workers/gateway/problem.hpp"

namespace tenfold::gateway {

// Where calls go: slow ones hold up only each other, on connections of their own.
struct CallPath {
  sidecar::Pool& pool;
  Lane lane;
};

struct HandlerOptions {
  std::string prefix;                    // before the paths of tenfold.route
  std::string cors_origins;              // * or a list
  std::string statement_timeout;         // as Postgres reads it
  std::string jwks;                      // path of the file with the keys; empty: no token is taken
  std::string audience, anonymous_role;  // of JwtRules
  std::vector<Network> trusted_proxies;  // whose X-Forwarded-For is believed
  std::string docs;                      // folder of Swagger UI; empty: no pages
  size_t gzip_least = 0;                 // of the pages
  bool serves_rpc = false;               // also POST /rpc/NAME, for a proxy of ours
  bool logs_all = false;                 // else only answers from 500 on
  LaneOptions quick_lane, slow_lane;
};

class Handler {
 public:
  // Throws what Docs throws.
  Handler(const sidecar::Services& services, sidecar::Pool& slow_pool, HandlerOptions options);

  // Until the first catalogue is there, every request is answered by 503.
  void use(std::shared_ptr<Catalog> catalog) { catalog_ = std::move(catalog); }
  // Throws what KeyFile::read() throws; the keys stay as they were.
  void read_keys() { rules_.keys = key_file_.read(); }

  sidecar::Task<sidecar::HttpAnswer> handle(const sidecar::HttpRequest& request);

 private:
  // What is known of a request once its route is found and its token is read.
  struct Call {
    const Route& route;
    Claims claims;
    bool is_anonymous;
    FormValues form;
    Form path_values;
    bool is_rpc;
  };

  sidecar::Task<sidecar::HttpAnswer> answer(const sidecar::HttpRequest& request, const Route*& route);
  sidecar::HttpAnswer answer_docs(const sidecar::HttpRequest& request, std::string_view path) const;
  sidecar::Task<sidecar::HttpAnswer> answer_rpc(const sidecar::HttpRequest& request, const Route*& route);
  Outcome<Call> prepare(const sidecar::HttpRequest& request, const Route& route, Form path_values,
                        bool is_rpc);
  Outcome<Claims> identify(std::string_view authorization);
  bool renew_keys();
  sidecar::Task<sidecar::HttpAnswer> run(const sidecar::HttpRequest& request, Call call);
  sidecar::Task<std::optional<sidecar::Reply>> run_in_turn(std::string client, Pace& pace,
                                                           std::vector<sidecar::Query> queries);
  std::string client_of(const sidecar::HttpRequest& request, const Call& call) const;
  std::string_view address_of(const sidecar::HttpRequest& request) const;
  std::vector<sidecar::Argument> settings_of(const sidecar::HttpRequest& request, const Call& call) const;
  void log(const sidecar::HttpRequest& request, const sidecar::HttpAnswer& answer,
           std::chrono::steady_clock::duration duration) const;

  sidecar::Services services_;
  HandlerOptions options_;
  KeyFile key_file_;
  JwtRules rules_;
  std::optional<Docs> docs_;
  std::shared_ptr<Catalog> catalog_;
  CallPath quick_, slow_;
};

}  // namespace tenfold::gateway

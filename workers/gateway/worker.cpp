#include "workers/gateway/worker.hpp"

#include "daemon/daemon.hpp"
#include "workers/gateway/handler.hpp"
#include "workers/gateway/rotate_secret.hpp"

namespace tenfold::gateway {
namespace {

using sidecar::HttpRequest;
using sidecar::HttpSource;
using sidecar::Services;
using sidecar::SettingRow;
using sidecar::Settings;

constexpr auto rotate_lesson = R"(
Makes the file (mode 0600) where it is absent, with one random key of 32 bytes. Else the new key is written
first, and signs from now on; the one that was first before stays as the second, so that its tokens hold until
they expire; all others go. Rotate again only after the longest life of a token. Owner and mode stay, and the
file is replaced as a whole. Prints the new key's kid, never the secret.

A gateway finds the new key by itself with the first token that it signs.
)";

std::vector<SettingRow> settings() {
  using Kind = sidecar::SettingKind;
  constexpr int64_t hour = 3'600'000, gigabyte = 1024 * 1024 * 1024;
  return {
      {"gateway.listen", Kind::text, "127.0.0.1:8080",
       "address and port of the public API; port 0 takes a free one"},
      {"gateway.prefix", Kind::text, "/api/v1", "what stands before the paths of tenfold.route"},
      {"gateway.tls_certificate", Kind::text, "",
       "PEM file with the certificate chain, read again at SIGHUP; empty: plain HTTP"},
      {"gateway.tls_key", Kind::text, "", "PEM file with the private key"},
      {"gateway.jwks", Kind::text, "",
       "file (mode 0600) with the keys of tokens, read again when it changes; empty: no token is taken"},
      {"gateway.jwt_audience", Kind::text, "", "a token's aud must hold it, where it has one"},
      {"gateway.anonymous_role", Kind::text, "tenfold_anonymous", "role of who sends no token"},
      {"gateway.pre_request", Kind::text, "tenfold_api.pre_request",
       "function without arguments, called before each request; empty: none"},
      {"gateway.rpc", Kind::flag, "off",
       "also serve POST /rpc/NAME as PostgREST does, for nginx; trusts X-Path-* and X-Query: listen inside "
       "only"},
      {"gateway.trusted_proxies", Kind::text, "",
       "networks of proxies whose X-Forwarded-For is believed: 10.0.0.0/8, ::1; empty: nobody's"},
      {"gateway.docs", Kind::text, "",
       "folder of the npm package swagger-ui-dist, for the pages below {prefix}/docs/; empty: none"},
      {"gateway.statement_timeout", Kind::duration, "30s",
       "of each statement in Postgres, where its function has none of its own", 1, hour},
      {"gateway.slow_connections", Kind::number, "2",
       "further connections to Postgres, for calls that take long as a rule: these wait for each other only",
       1, 100},
      {"gateway.longest_wait", Kind::duration, "5s", "of a call for its turn; then the answer is 503", 1,
       hour},
      {"gateway.cors_origins", Kind::text, "*", "origins of pages that may call: *, or a list with commas"},
      {"gateway.connections", Kind::number, "10000", "connections at once; more are closed", 1, 1'000'000},
      {"gateway.header_size", Kind::size, "16kB", "most bytes of a request's headers", 1024, 1024 * 1024},
      {"gateway.body_size", Kind::size, "1MB", "most bytes of a request's body", 0, gigabyte},
      {"gateway.answer_size", Kind::size, "64MB", "most bytes of an answer's body", 1024, gigabyte},
      {"gateway.unsent_size", Kind::size, "256MB",
       "most bytes of all answers that wait for their readers; then 503", 1024, 64 * gigabyte},
      {"gateway.idle_timeout", Kind::duration, "75s", "how long a connection may wait for its next request",
       1, hour},
      {"gateway.receive_timeout", Kind::duration, "10s", "for a whole request, from its first byte", 1, hour},
      {"gateway.send_timeout", Kind::duration, "30s", "for a whole answer", 1, hour},
      {"gateway.gzip_least", Kind::size, "1400", "smaller answers are not compressed", 0, gigabyte},
      {"gateway.log_requests",
       Kind::choice,
       "errors",
       "which requests to log: errors are answers from 500 on",
       0,
       INT64_MAX,
       {"errors", "all"}},
  };
}

sidecar::HttpServerOptions server_options(const Settings& settings) {
  sidecar::HttpServerOptions options{settings.text("gateway.listen"),
                                     settings.text("gateway.tls_certificate"),
                                     settings.text("gateway.tls_key")};
  options.limits.connections = settings.size("gateway.connections");
  options.limits.header_bytes = static_cast<uint32_t>(settings.size("gateway.header_size"));
  options.limits.body_bytes = settings.size("gateway.body_size");
  options.limits.answer_bytes = settings.size("gateway.answer_size");
  options.limits.unsent_bytes = settings.size("gateway.unsent_size");
  options.limits.idle = settings.duration("gateway.idle_timeout");
  options.limits.receive = settings.duration("gateway.receive_timeout");
  options.limits.send = settings.duration("gateway.send_timeout");
  options.limits.gzip_least = settings.size("gateway.gzip_least");
  return options;
}

std::vector<Network> read_networks(const std::string& list) {
  auto networks = parse_networks(list);
  if (!networks)
    throw std::runtime_error("gateway.trusted_proxies: " + networks.error().message + "; " +
                             networks.error().hint);
  return *networks;
}

LaneOptions lane_options(const Settings& settings, size_t places) {
  return {places, settings.size("database.queue"), settings.duration("gateway.longest_wait")};
}

// One call on each connection: none waits behind another.
sidecar::PoolOptions slow_pool_options(const Settings& settings) {
  sidecar::PoolOptions options = sidecar::pool_options(settings);
  options.connections = settings.size("gateway.slow_connections");
  options.depth = 1;
  return options;
}

// Else a slow statement would cost its connection, and those behind it theirs.
void check_timeouts(const Settings& settings) {
  const auto statement = settings.duration("gateway.statement_timeout");
  const auto answer = settings.duration("database.answer_timeout");
  if (statement < answer) return;
  throw std::runtime_error("gateway.statement_timeout is " + std::to_string(statement.count()) +
                           " ms, which is not less than database.answer_timeout, " +
                           std::to_string(answer.count()) + " ms: raise that one");
}

HandlerOptions handler_options(const Settings& settings) {
  check_timeouts(settings);
  HandlerOptions options;
  options.prefix = settings.text("gateway.prefix");
  options.cors_origins = settings.text("gateway.cors_origins");
  options.statement_timeout = std::to_string(settings.duration("gateway.statement_timeout").count()) + "ms";
  options.jwks = settings.text("gateway.jwks");
  options.audience = settings.text("gateway.jwt_audience");
  options.anonymous_role = settings.text("gateway.anonymous_role");
  options.trusted_proxies = read_networks(settings.text("gateway.trusted_proxies"));
  options.docs = settings.text("gateway.docs");
  options.gzip_least = settings.size("gateway.gzip_least");
  options.serves_rpc = settings.flag("gateway.rpc");
  options.quick_lane =
      lane_options(settings, settings.size("database.connections") * settings.size("database.depth"));
  options.slow_lane = lane_options(settings, settings.size("gateway.slow_connections"));
  options.logs_all = settings.text("gateway.log_requests") == "all";
  return options;
}

class Gateway : public sidecar::RunningWorker {
 public:
  explicit Gateway(const Services& services)
      : services_(services),
        slow_pool_(services.loop, services.log, slow_pool_options(services.settings)),
        handler_(services, slow_pool_, handler_options(services.settings)) {
    handler_.read_keys();
  }

  std::vector<HttpSource> http_sources() override {
    const auto handle = [this](const HttpRequest& request) { return handler_.handle(request); };
    return {HttpSource{server_options(services_.settings), handle}};
  }

  sidecar::Task<void> load() override {
    handler_.read_keys();
    if (is_started_) slow_pool_.renew();
    auto catalog = co_await load_catalog(services_);
    if (!is_started_) slow_pool_.start();  // Postgres is there: while it is not, one pool says so
    is_started_ = true;
    handler_.use(std::move(catalog));
  }

 private:
  Services services_;
  sidecar::Pool slow_pool_;
  Handler handler_;
  bool is_started_ = false;
};

}  // namespace

sidecar::Worker worker() {
  return {"gateway",
          "serves the routes of tenfold.route over HTTP",
          settings(),
          [](Services services) { return std::make_unique<Gateway>(services); },
          {{"rotate-secret", "makes a new key for tokens, beside the one before", rotate_lesson, "jwks",
            "the key file, that of gateway.jwks", rotate_secret}}};
}

}  // namespace tenfold::gateway

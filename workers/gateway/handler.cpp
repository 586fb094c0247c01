#include "workers/gateway/handler.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <ctime>

#include "workers/gateway/call.hpp"
#include "workers/gateway/conditional.hpp"
#include "workers/gateway/cors.hpp"
#include "workers/gateway/reply.hpp"
#include "workers/gateway/request_settings.hpp"

namespace tenfold::gateway {
namespace {

using sidecar::Argument;
using sidecar::HttpAnswer;
using sidecar::HttpRequest;
using sidecar::Query;
using sidecar::Reply;

constexpr std::string_view rpc_prefix = "/rpc/", docs_path = "/docs";

Problem not_loaded() {
  return {503, "PGRST002", "the routes are not loaded yet", "repeat the request", {}, {{"Retry-After", "1"}}};
}

Problem too_busy() {
  return {503,
          "PGRST003",
          "too many requests wait for the database",
          "nothing was done: repeat the request",
          {},
          {{"Retry-After", "1"}}};
}

Problem no_such_function(std::string_view name) {
  return {404, "PGRST202", "no route has the function " + std::string(name.substr(0, 100)),
          "tenfold.route lists the functions"};
}

Problem no_such_path() {
  return {404, "PGRST125", "no route has this path", "openapi.json lists the paths"};
}

Problem wrong_method(const Match& match, std::string_view method) {
  const std::string allowed = allowed_methods(match.methods);
  return {405, "PGRST117",          "this path does not take " + std::string(method), "it takes " + allowed,
          {},  {{"Allow", allowed}}};
}

// application/json and application/vnd.….+json, in whatever case; as in PostgREST, nothing is JSON.
bool is_json(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
  return type.empty() || type.find("json") != std::string::npos;
}

Problem wrong_type(const std::string& type) {
  return {415, "PGRST102", "this path takes " + type, "send Content-Type: " + type};
}

// What PostgREST takes for a function of this shape; JSON is check_body()'s.
std::optional<Problem> check_rpc_type(const HttpRequest& request, const Route& route) {
  if (route.shape == Shape::json || request.body.empty()) return std::nullopt;
  const std::string type =
      route.shape == Shape::form ? "application/x-www-form-urlencoded" : "application/octet-stream";
  const std::string_view sent = request.header("content-type");
  if (sidecar::equal_ignoring_case(sent.substr(0, sent.find_first_of("; ")), type)) return std::nullopt;
  return wrong_type(type);
}

// What cannot be a jsonb's text. The rest is for Postgres to say.
std::optional<Problem> check_body(const HttpRequest& request, const Route& route) {
  if (route.shape != Shape::json || request.body.empty()) return std::nullopt;
  if (!is_json(request.header("content-type"))) return wrong_type("application/json");
  if (request.body.find('\0') != std::string_view::npos)
    return Problem{400, "PGRST102", "the body holds a NUL byte", "JSON has none"};
  return std::nullopt;
}

// A body of JSON that is missing is an empty object, as in PostgREST.
Argument body_of(const HttpRequest& request, const Route& route) {
  if (route.shape == Shape::raw) return {std::string(request.body), true};
  return {request.body.empty() ? "{}" : std::string(request.body)};
}

// How long Postgres worked for it, by Postgres's own clock where it answered. An error tells no time: then
// all the time is taken for it. Zero: it never came to Postgres.
FairQueue::Duration time_of(const Reply& reply, FairQueue::Duration elapsed) {
  using Kind = sidecar::PgFailure::Kind;
  if (reply.failure)
    return reply.failure->kind == Kind::refused || reply.failure->kind == Kind::lost ? elapsed
                                                                                     : FairQueue::Duration{};
  const auto& rows = reply.rows.back();
  if (rows.size() == 0) return elapsed;
  int64_t microseconds = 0;
  const std::string_view text = rows.text(0, 3);
  std::from_chars(text.data(), text.data() + text.size(), microseconds);
  return std::chrono::microseconds(std::max<int64_t>(microseconds, 1));
}

}  // namespace

Handler::Handler(const sidecar::Services& services, sidecar::Pool& slow_pool, HandlerOptions options)
    : services_(services),
      options_(std::move(options)),
      key_file_(options_.jwks),
      rules_{{}, options_.audience, options_.anonymous_role},
      quick_{services.database, Lane(services.loop.io().get_executor(), options_.quick_lane)},
      slow_{slow_pool, Lane(services.loop.io().get_executor(), options_.slow_lane)} {
  services.metrics.gauge("tenfold_database_in_flight", "transactions whose answer is awaited",
                         [&slow_pool] { return static_cast<double>(slow_pool.in_flight()); });
  services.metrics.gauge("tenfold_database_queued", "transactions that wait for a connection", [this] {
    return static_cast<double>(quick_.lane.waiting() + slow_.lane.waiting());
  });
  services.metrics.gauge(
      "tenfold_gateway_slow_calls", "calls that are slow as a rule, under way or waiting",
      [this] { return static_cast<double>(slow_.pool.in_flight() + slow_.lane.waiting()); });
  services.metrics.gauge(
      "tenfold_gateway_refused", "calls whose turn did not come in time, since the start",
      [this] { return static_cast<double>(quick_.lane.refused() + slow_.lane.refused()); });
  if (!options_.docs.empty()) docs_.emplace(options_.docs, options_.gzip_least);
}

sidecar::Task<HttpAnswer> Handler::handle(const HttpRequest& request) {
  const auto began = std::chrono::steady_clock::now();
  const auto catalog = catalog_;  // stays the same for this request
  if (!catalog) co_return answer_of(not_loaded());
  const Route* route = nullptr;
  HttpAnswer answer = co_await this->answer(request, route);
  answer_conditionally(request, answer);
  allow_origin(request, options_.cors_origins, answer);
  const auto duration = std::chrono::steady_clock::now() - began;
  catalog->count(route, answer.status, duration);
  log(request, answer, duration);
  co_return answer;
}

sidecar::Task<HttpAnswer> Handler::answer(const HttpRequest& request, const Route*& route) {
  if (options_.serves_rpc && request.path.starts_with(rpc_prefix))
    co_return co_await answer_rpc(request, route);
  if (!request.path.starts_with(options_.prefix)) co_return answer_of(no_such_path());
  const std::string_view path = request.path.substr(options_.prefix.size());
  if (docs_ && (path == docs_path || path.starts_with("/docs/")))
    co_return answer_docs(request, path.substr(docs_path.size()));
  Match match = catalog_->table().match(request.method, path);
  if (match.methods.empty()) co_return answer_of(no_such_path());
  if (request.method == "OPTIONS") co_return answer_options(request, match.methods);
  if (match.route == nullptr) co_return answer_of(wrong_method(match, request.method));
  route = match.route;
  auto call = prepare(request, *match.route, std::move(match.path_values), false);
  if (!call) co_return answer_of(call.problem());
  co_return co_await run(request, std::move(*call));
}

HttpAnswer Handler::answer_docs(const HttpRequest& request, std::string_view path) const {
  const HttpAnswer* found = docs_->find(path, request.header("accept-encoding"));
  if (found == nullptr) return answer_of(no_such_path());
  const Match get{nullptr, {}, {"GET"}};
  if (request.method == "OPTIONS") return answer_options(request, get.methods);
  if (request.method != "GET" && request.method != "HEAD")
    return answer_of(wrong_method(get, request.method));
  return *found;
}

// The door for nginx: what PostgREST would do with the same request.
sidecar::Task<HttpAnswer> Handler::answer_rpc(const HttpRequest& request, const Route*& route) {
  const auto name = percent_decode(request.path.substr(rpc_prefix.size()), Plus::is_plus);
  const Route* found = name ? catalog_->table().find_function(*name) : nullptr;
  if (found == nullptr) co_return answer_of(no_such_function(name.value_or("")));
  const Match post{nullptr, {}, {"POST"}};
  if (request.method == "OPTIONS") co_return answer_options(request, post.methods);
  if (request.method != "POST") co_return answer_of(wrong_method(post, request.method));
  route = found;
  auto call = prepare(request, *found, {}, true);
  if (!call) co_return answer_of(call.problem());
  co_return co_await run(request, std::move(*call));
}

Outcome<Handler::Call> Handler::prepare(const HttpRequest& request, const Route& route, Form path_values,
                                        bool is_rpc) {
  const std::string_view authorization = request.header("authorization");
  auto claims = identify(authorization);
  if (!claims) return claims.problem();
  if (auto problem = is_rpc ? check_rpc_type(request, route) : std::nullopt) return *problem;
  if (auto problem = check_body(request, route)) return *problem;
  FormValues form;
  if (route.shape == Shape::form) {
    auto taken =
        is_rpc ? take_arguments(route, request.body) : take_parameters(route, path_values, request.query);
    if (!taken) return taken.problem();
    form = std::move(*taken);
  }
  return Call{route,           std::move(*claims),     authorization.empty(),
              std::move(form), std::move(path_values), is_rpc};
}

// A token that no key has signed may be signed by one that came after the keys were read: so a rotation needs
// no signal. Who sends nonsense causes a look at the file, and no more.
Outcome<Claims> Handler::identify(std::string_view authorization) {
  const auto now = std::time(nullptr);
  auto claims = authenticate(authorization, rules_, now);
  if (claims || claims.problem().code != "PGRST301" || !renew_keys()) return claims;
  return authenticate(authorization, rules_, now);
}

// Reads the keys again where their file has changed; whether there are new ones.
bool Handler::renew_keys() {
  if (!key_file_.is_changed()) return false;
  try {
    read_keys();
  } catch (const std::exception& failure) {
    services_.log.warning("cannot read the new keys; going on with the old", {{"error", failure.what()}});
    return false;
  }
  services_.log.info("keys loaded", {{"keys", std::to_string(rules_.keys.size())}});
  return true;
}

// One transaction, one round trip: the settings, the pre-request, the function.
sidecar::Task<HttpAnswer> Handler::run(const HttpRequest& request, Call call) {
  const auto catalog = catalog_;
  const auto statement = catalog->call(call.route, call.form.present, call.claims.role);
  const auto pre_request = catalog->pre_request(call.claims.role);
  std::vector<Query> queries;
  queries.reserve(3);
  queries.push_back({&catalog->settings(call.route), settings_of(request, call)});
  if (pre_request) queries.push_back({pre_request.get()});
  Query& function = queries.emplace_back(Query{statement.get()});
  if (call.route.shape == Shape::form) {
    for (std::string& value : call.form.values) function.arguments.push_back({std::move(value)});
  } else {
    function.arguments.push_back(body_of(request, call.route));
  }
  Pace& pace = catalog->pace(call.route, call.form.present);
  const auto reply = co_await run_in_turn(client_of(request, call), pace, std::move(queries));
  if (!reply) co_return answer_of(too_busy());
  const int success_status = call.is_rpc ? 200 : call.route.success_status;
  co_return answer_of(*reply, call.route, success_status, call.is_anonymous);
}

// The slow lane's calls go over the shared connections only while its own are not there.
sidecar::Task<std::optional<Reply>> Handler::run_in_turn(std::string client, Pace& pace,
                                                         std::vector<Query> queries) {
  CallPath& path = pace.is_slow() ? slow_ : quick_;
  auto place = co_await path.lane.enter(std::move(client));
  if (!place) co_return std::nullopt;
  sidecar::Pool& pool = path.pool.is_up() ? path.pool : services_.database;
  const auto began = std::chrono::steady_clock::now();
  Reply reply = co_await pool.run(std::move(queries));
  const auto took = time_of(reply, std::chrono::steady_clock::now() - began);
  if (took.count() > 0) pace.add(took);
  place->charge(took);
  co_return std::move(reply);
}

// Whose turn it is: an account's, or that of a network, as of the rate limiter.
std::string Handler::client_of(const HttpRequest& request, const Call& call) const {
  if (!call.claims.subject.empty()) return call.claims.subject;
  return network_of(call.is_rpc ? request.header("x-real-ip") : address_of(request));
}

std::string_view Handler::address_of(const HttpRequest& request) const {
  return client_address(request.peer, request.header("x-forwarded-for"), options_.trusted_proxies);
}

std::vector<Argument> Handler::settings_of(const HttpRequest& request, const Call& call) const {
  static const Form none;
  const Form& path_values = call.route.shape == Shape::form ? none : call.path_values;
  std::vector<Argument> arguments(7);
  arguments[0].value = call.claims.role;
  arguments[1].value = call.claims.json;
  arguments[2].value = std::string(request.method);
  arguments[3].value = std::string(request.path);
  const std::string query = listed_query(call.route, request.query);
  const Edge edge{address_of(request), call.route.rate_class, query};
  arguments[4].value = call.is_rpc ? proxied_headers_json(request) : headers_json(request, path_values, edge);
  arguments[5].value = cookies_json(request.header("cookie"));
  const std::string& own_timeout = call.route.statement_timeout;
  arguments[6].value = own_timeout.empty() ? options_.statement_timeout : own_timeout;
  return arguments;
}

void Handler::log(const HttpRequest& request, const HttpAnswer& answer,
                  std::chrono::steady_clock::duration duration) const {
  if (answer.status < 500 && !options_.logs_all) return;
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  const std::string status = std::to_string(answer.status), time = std::to_string(microseconds);
  services_.log.info("request", {{"method", request.method},
                                 {"path", request.path},
                                 {"status", status},
                                 {"microseconds", time},
                                 {"request_id", request.request_id},
                                 {"trace_id", request.trace_id}});
}

}  // namespace tenfold::gateway

#include "workers/gateway/catalog.hpp"

#include <stdexcept>

#include "workers/gateway/call.hpp"

namespace tenfold::gateway {
namespace {

using sidecar::Argument;
using sidecar::PgFailure;
using sidecar::Query;
using sidecar::Reply;
using sidecar::Services;
using sidecar::Statement;

constexpr size_t most_combinations = 64, most_roles = 64;

Statement::Keep keep_of(const Services& services) {
  return services.settings.flag("database.prepared") ? Statement::Keep::prepared : Statement::Keep::once;
}

// Waits while there is no connection; what Postgres refuses is an exception.
sidecar::Task<Reply> ask_until_answered(const Services& services, const Statement& statement,
                                        std::vector<Argument> arguments) {
  while (true) {
    co_await services.database.wait_until_up();
    std::vector<Query> queries;
    queries.push_back({&statement, arguments});
    Reply reply = co_await services.database.run(std::move(queries));
    if (!reply.failure) co_return reply;
    // Class 57: Postgres is starting or stopping.
    if (reply.failure->kind == PgFailure::Kind::refused && !reply.failure->sqlstate.starts_with("57"))
      throw std::runtime_error(reply.failure->message);
    co_await sidecar::sleep_for(std::chrono::milliseconds(100));
  }
}

std::vector<Route> routes_of(const Reply& reply, const Services& services) {
  std::vector<Route> routes;
  const auto& rows = reply.rows.front();
  for (int row = 0; row < rows.size(); row++) {
    auto route = parse_route(rows.text(row, 0));
    if (route)
      routes.push_back(std::move(*route));
    else
      services.log.warning("a route is left out",
                           {{"error", route.error().message}, {"hint", route.error().hint}});
  }
  return routes;
}

// Fails closed: what guards every request is there exactly as it is called, or nothing is served.
sidecar::Task<std::string> find_pre_request(const Services& services) {
  const std::string name = services.settings.text("gateway.pre_request");
  if (name.empty()) co_return "";
  const Statement statement(find_pre_request_sql, Statement::Keep::once);
  std::vector<Argument> arguments;
  arguments.push_back({name});
  const Reply reply = co_await ask_until_answered(services, statement, arguments);
  if (reply.rows.front().size() == 0)
    throw std::runtime_error("there is no function " + name +
                             "(), which gateway.pre_request names; install kernel, or set it to \"\"");
  co_return std::string(reply.rows.front().text(0, 0));
}

}  // namespace

Catalog::Catalog(std::vector<Route> routes, std::string pre_request, const Services& services)
    : services_(services),
      table_(std::move(routes)),
      keep_(keep_of(services)),
      read_settings_(settings_sql(true), keep_),
      write_settings_(settings_sql(false), keep_),
      pre_request_(std::move(pre_request)) {}

std::shared_ptr<const Statement> Catalog::pre_request(const std::string& role) {
  if (pre_request_.empty()) return nullptr;
  const auto found = pre_requests_.find(role);
  if (found != pre_requests_.end()) return found->second;
  const auto keep = pre_requests_.size() < most_roles ? keep_ : Statement::Keep::once;
  const auto statement = std::make_shared<const Statement>("SELECT " + pre_request_ + "()", keep, role);
  if (pre_requests_.size() < most_roles) pre_requests_[role] = statement;
  return statement;
}

std::shared_ptr<const Statement> Catalog::call(const Route& route, uint32_t present,
                                               const std::string& role) {
  const auto found = calls_.find({&route, present, role});
  if (found != calls_.end()) return found->second;
  size_t& combinations = combinations_[&route];
  if (combinations >= most_combinations)
    return std::make_shared<const Statement>(call_sql(route, present), Statement::Keep::once);
  combinations++;
  auto statement = std::make_shared<const Statement>(call_sql(route, present), keep_, role);
  calls_[{&route, present, role}] = statement;
  return statement;
}

Pace& Catalog::pace(const Route& route, uint32_t present) {
  constexpr uint32_t others = UINT32_MAX;
  auto& its = paces_[&route];
  return its[its.size() < most_combinations || its.contains(present) ? present : others];
}

void Catalog::count(const Route* route, int status, std::chrono::steady_clock::duration duration) {
  Meter& its = meter(route);
  its.seconds->Observe(std::chrono::duration<double>(duration).count());
  auto& answers = its.answers[status];
  if (answers == nullptr)
    answers =
        &services_.metrics.counter("tenfold_gateway_answers_total", "answers, by route and status",
                                   {{"route", route == nullptr ? "none" : route->method + " " + route->path},
                                    {"status", std::to_string(status)}});
  answers->Increment();
}

Catalog::Meter& Catalog::meter(const Route* route) {
  Meter& its = meters_[route];
  if (its.seconds == nullptr)
    its.seconds = &services_.metrics.histogram(
        "tenfold_gateway_seconds", "from the whole request to its answer",
        {{"route", route == nullptr ? "none" : route->method + " " + route->path}});
  return its;
}

sidecar::Task<std::shared_ptr<Catalog>> load_catalog(const Services& services) {
  const Statement routes_statement(catalog_sql, Statement::Keep::once);
  const std::vector<Argument> none;
  const Reply routes = co_await ask_until_answered(services, routes_statement, none);
  const std::string pre_request = co_await find_pre_request(services);
  auto catalog = std::make_shared<Catalog>(routes_of(routes, services), pre_request, services);
  const std::string count = std::to_string(catalog->table().routes().size());
  services.log.info("routes loaded", {{"routes", count}, {"pre_request", pre_request}});
  co_return catalog;
}

}  // namespace tenfold::gateway

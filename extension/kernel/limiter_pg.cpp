#include "kernel/limiter.hpp"

#include <ctime>
#include <map>

#include "kernel/client.hpp"
#include "kernel/response_pg.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/module.hpp"
#include "pg/settings.hpp"
#include "pg/shmem.hpp"
#include "pg/spi.hpp"
#include "pg/table_copy.hpp"

extern "C" {
#include <common/hashfn.h>
#include <port.h>
#include <utils/guc.h>
}

namespace pg = tenfold::pg;
namespace gcra = tenfold::gcra;
using tenfold::Limiter;

namespace {

// CLOCK_MONOTONIC: who sets the clock back would refill no bucket, and who sets it forward would empty none.
int64_t ticks_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * gcra::ticks_per_second + now.tv_nsec / (1'000'000'000 / gcra::ticks_per_second);
}

void make_limiter(void* memory) {
  uint64_t salt = 0;
  if (!pg_strong_random(&salt, sizeof salt)) elog(ERROR, "no random numbers for the limiter's salt");
  Limiter::make(memory, pg::settings.limiter_buckets, salt, ticks_now());
}

pg::SharedArea area(
    "tenfold limiter", [] { return Limiter::size(pg::settings.limiter_buckets); }, make_limiter);

// The rows of tenfold.rate_class; no limit: what is unlimited.
using Classes = std::map<std::string, std::optional<gcra::Limit>, std::less<>>;

void read_classes(Classes& classes) {
  static pg::spi::Query query("SELECT name, per_minute::float8, burst::bigint FROM tenfold.rate_class");
  pg::spi::for_each(query, [&](const pg::spi::Row& row) {
    const auto per_minute = row.get<double>(1);
    auto& limit = classes[std::string(row.required<std::string_view>(0))];
    if (per_minute) limit = gcra::limit_of(*per_minute, row.required<int64_t>(2));
  });
}

pg::TableCopy<Classes, read_classes> classes("tenfold", "rate_class");

using Class = Classes::value_type;

// Empty: there is none of this name.
std::shared_ptr<const Class> find_class(std::string_view name) {
  const auto all = classes.current();
  const auto found = all->find(name);
  return found == all->end() ? nullptr : std::shared_ptr<const Class>(all, &*found);
}

// One bucket a database, class and key.
gcra::Decision take(const Class& of, std::string_view key, int64_t cost) {
  auto& limiter = area.as<Limiter>();
  uint64_t hash = limiter.salt() ^ MyDatabaseId;
  for (const std::string_view part : {std::string_view(of.first), key})
    hash = hash_bytes_extended(reinterpret_cast<const unsigned char*>(part.data()),
                               static_cast<int>(part.size()), hash);
  return limiter.take(hash, ticks_now(), *of.second, cost);
}

// A cost above the burst would wait for ever.
void check_cost(const Class& of, int32_t cost) {
  const int64_t most = of.second ? of.second->burst : INT32_MAX;
  if (cost < 1 || cost > most)
    throw tenfold::Failure{
        {tenfold::Code::invalid_parameter,
         "cost " + std::to_string(cost) + " is not between 1 and the burst of " + std::to_string(most),
         "Ask for less at a time."}};
}

std::string seconds_up(int64_t ticks) {
  return std::to_string((ticks + gcra::ticks_per_second - 1) / gcra::ticks_per_second);
}

// RateLimit headers by draft-ietf-httpapi-ratelimit-headers-06; a JSON object's members.
std::string rate_headers(gcra::Limit limit, const gcra::Decision& decision, std::string_view between) {
  std::string text = "\"RateLimit-Limit\":\"" + std::to_string(limit.burst) + '"';
  text.append(between)
      .append("\"RateLimit-Remaining\":\"")
      .append(std::to_string(decision.remaining))
      .append("\"");
  text.append(between).append("\"RateLimit-Reset\":\"").append(seconds_up(decision.reset)).append("\"");
  return text;
}

std::string_view request_headers() {
  const char* headers = pg::call([] { return GetConfigOption("request.headers", true, false); });
  return headers == nullptr ? std::string_view{} : headers;
}

// Whoever counts several requests in one transaction tells of the last: else the setting grows with each.
void tell(gcra::Limit limit, const gcra::Decision& decision) {
  static std::string told;
  std::string now = "{" + rate_headers(limit, decision, "},{") + "}";
  tenfold::add_response_headers(now, told);
  told = std::move(now);
}

}  // namespace

// The detail of a PGRST error if the request is one too many, else NULL.
TF_FUNCTION(tf_limit_request) {
  if (!pg::preloaded()) return args.null();  // doctor() says what is missing
  const std::string_view headers = request_headers();
  auto of = find_class(tenfold::edge_header(headers, "x-rate-class"));
  if (of == nullptr) of = find_class("default");
  if (of == nullptr || !of->second) return args.null();
  const auto decision = take(*of, tenfold::client_key(tenfold::edge_header(headers, "x-real-ip")), 1);
  if (decision.allowed) {
    tell(*of->second, decision);
    return args.null();
  }
  return pg::datum("{\"status\":429,\"headers\":{\"Retry-After\":\"" + seconds_up(decision.wait) + "\"," +
                   rate_headers(*of->second, decision, ",") + "}}");
}

TF_FUNCTION(tf_take_permit) {
  const auto name = args.get<std::string_view>(0, "class");
  const auto of = find_class(name);
  if (of == nullptr)
    throw tenfold::Failure{{tenfold::Code::invalid_parameter,
                            "unknown rate class \"" + std::string(name) + "\"",
                            "SELECT * FROM tenfold.rate_class; lists them."}};
  const auto cost = args.get<int32_t>(2, "cost");
  check_cost(*of, cost);
  if (!of->second) return pg::datum(0.0);
  const auto decision = take(*of, args.get<std::string_view>(1, "key"), cost);
  return pg::datum(static_cast<double>(decision.wait) / gcra::ticks_per_second);
}

TF_FUNCTION(tf_limiter_counts) {
  const auto counts = area.as<Limiter>().count(ticks_now());
  const NullableDatum columns[] = {pg::nullable(counts.buckets), pg::nullable(counts.in_use),
                                   pg::nullable(counts.allowed), pg::nullable(counts.refused),
                                   pg::nullable(counts.evicted)};
  return pg::row_datum(args.info(), columns);
}

#include "postgres/worker_database.hpp"

#include <unistd.h>

#include <algorithm>
#include <random>
#include <utility>

namespace tenfold::sidecar {

namespace {

using namespace std::chrono_literals;

// Postgres ends a statement before we give its connection up; sooner where the operator's own limit is
// shorter. The units of a setting (800ms, 30s, 1min) are ones that an interval has, too.
std::string begin_sql(const Settings& settings) {
  const auto limit =
      std::to_string(std::max<int64_t>(1, settings.duration("database.answer_timeout").count() * 8 / 10));
  const std::string own = "current_setting('statement_timeout')";
  const std::string sql = "SELECT set_config('statement_timeout', CASE WHEN " + own +
                          "::interval BETWEEN '1us' AND '" + limit + "ms' THEN " + own + " ELSE '" + limit +
                          "' END, true)";
  return sql + (settings.text("database.worker_role").empty() ? "" : ", set_config('role', $1, true)");
}

}  // namespace

PgRefusal::PgRefusal(PgFailure why) : std::runtime_error(why.reason()), failure(std::move(why)) {}

WorkerDatabase::WorkerDatabase(Pool& pool, Pool& leases, const Settings& settings)
    : pool_(pool),
      leases_(leases),
      role_(settings.text("database.worker_role")),
      keep_(settings.flag("database.prepared") ? Statement::Keep::prepared : Statement::Keep::once),
      begin_(begin_sql(settings), keep_, role_),
      trouble_(pool.log(), 5s) {}

Statement WorkerDatabase::statement(std::string sql) const {
  return Statement(std::move(sql), keep_, role_);
}

Task<Reply> WorkerDatabase::try_run(std::vector<Query> queries) {
  return run_in(pool_, std::move(queries));
}

Task<Reply> WorkerDatabase::run_in(Pool& pool, std::vector<Query> queries) {
  queries.insert(queries.begin(), role_.empty() ? query(begin_) : query(begin_, role_));
  Reply reply = co_await pool.run(std::move(queries));
  if (!reply.rows.empty()) {
    reply.rows.erase(reply.rows.begin());
    trouble_.end("a session has the workers' role again");
  } else if (reply.failure && reply.failure->kind == PgFailure::Kind::refused) {
    // No statement of the caller's was looked at.
    reply.failure->kind = PgFailure::Kind::unready;
    trouble_.meet("cannot work in Postgres", reply.failure->reason());
  }
  co_return reply;
}

Task<Rows> WorkerDatabase::run(std::vector<Query> queries) {
  Reply reply = co_await try_run(std::move(queries));
  if (reply.failure) throw PgRefusal(std::move(*reply.failure));
  co_return std::move(reply.rows.back());
}

Task<Reply> WorkerDatabase::try_hold(Query query) {
  if (!std::exchange(holds_, true)) leases_.start();
  co_await leases_.wait_until_up();
  std::vector<Query> queries{std::move(query)};
  co_return co_await run_in(leases_, std::move(queries));
}

Task<Rows> WorkerDatabase::hold(Query query) {
  Reply reply = co_await try_hold(std::move(query));
  if (reply.failure) throw PgRefusal(std::move(*reply.failure));
  co_return std::move(reply.rows.back());
}

std::string instance_name() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return std::string(host) + ":" + std::to_string(getpid()) + ":" +
         std::to_string(std::random_device{}() % 10000);
}

}  // namespace tenfold::sidecar

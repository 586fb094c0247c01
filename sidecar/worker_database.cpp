#include "sidecar/worker_database.hpp"

#include <unistd.h>

#include <random>

namespace tenfold::sidecar {

PgRefusal::PgRefusal(PgFailure why) : std::runtime_error(why.reason()), failure(std::move(why)) {}

WorkerDatabase::WorkerDatabase(Pool& pool, const Settings& settings)
    : pool_(pool),
      role_(settings.text("database.worker_role")),
      keep_(settings.flag("database.prepared") ? Statement::Keep::prepared : Statement::Keep::once),
      become_("SELECT set_config('role', $1, true)", keep_, role_) {}

Statement WorkerDatabase::statement(std::string sql) const {
  return Statement(std::move(sql), keep_, role_);
}

Task<Reply> WorkerDatabase::try_run(std::vector<Query> queries) {
  if (role_.empty()) co_return co_await pool_.run(std::move(queries));
  queries.insert(queries.begin(), query(become_, role_));
  Reply reply = co_await pool_.run(std::move(queries));
  if (!reply.rows.empty()) reply.rows.erase(reply.rows.begin());
  co_return reply;
}

Task<Rows> WorkerDatabase::run(std::vector<Query> queries) {
  Reply reply = co_await try_run(std::move(queries));
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

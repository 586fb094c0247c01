#include "sidecar/worker_database.hpp"

#include <unistd.h>

#include <random>

namespace tenfold::sidecar {
namespace {

std::string text_of(const PgFailure& why) {
  switch (why.kind) {
    case PgFailure::Kind::refused:
      return why.message + " (" + why.sqlstate + ")";
    case PgFailure::Kind::lost:
      return "the connection to Postgres was lost";
    case PgFailure::Kind::unavailable:
      return "no connection to Postgres";
    default:
      return "too many wait for Postgres";
  }
}

}  // namespace

PgRefusal::PgRefusal(PgFailure why) : std::runtime_error(text_of(why)), failure(std::move(why)) {}

WorkerDatabase::WorkerDatabase(Pool& pool, const Settings& settings)
    : pool_(pool),
      role_(settings.text("database.worker_role")),
      keep_(settings.flag("database.prepared") ? Statement::Keep::prepared : Statement::Keep::once),
      become_("SELECT set_config('role', $1, true)", keep_, role_) {}

Statement WorkerDatabase::statement(std::string sql) const {
  return Statement(std::move(sql), keep_, role_);
}

Task<Rows> WorkerDatabase::run(std::vector<Query> queries) {
  if (!role_.empty()) queries.insert(queries.begin(), query(become_, role_));
  Reply reply = co_await pool_.run(std::move(queries));
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

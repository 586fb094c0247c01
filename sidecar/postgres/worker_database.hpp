// What workers say to Postgres, under the workers' role: jobs, events, calls to providers, Kafka.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "base/settings.hpp"
#include "base/trouble.hpp"
#include "postgres/pool.hpp"

namespace tenfold::sidecar {

// The transaction did not commit, or nobody knows whether it did.
struct PgRefusal : std::runtime_error {
  explicit PgRefusal(PgFailure why);

  PgFailure failure;
};

class WorkerDatabase {
 public:
  // leases: a pool for what renews leases, started when it is first needed.
  WorkerDatabase(Pool& pool, Pool& leases, const Settings& settings);

  // Make each once, and keep it.
  Statement statement(std::string sql) const;

  // One transaction; the answer has the rows of each of these statements.
  Task<Reply> try_run(std::vector<Query> queries);
  template <class... Texts>
  Task<Reply> try_ask(const Statement& statement, Texts... texts) {
    return try_run({query(statement, std::move(texts)...)});
  }

  // The same; gives the rows of the last statement. Throws PgRefusal.
  Task<Rows> run(std::vector<Query> queries);
  template <class... Texts>
  Task<Rows> ask(const Statement& statement, Texts... texts) {
    return run({query(statement, std::move(texts)...)});
  }

  // About leases: on a connection that no other work holds up. Waits until there is one.
  Task<Reply> try_hold(Query query);
  Task<Rows> hold(Query query);

  template <class... Texts>
  static Query query(const Statement& statement, Texts... texts) {
    return {&statement, arguments_of(std::move(texts)...)};
  }

  Task<void> wait_until_up() { return pool_.wait_until_up(); }

 private:
  Task<Reply> run_in(Pool& pool, std::vector<Query> queries);

  Pool &pool_, &leases_;
  std::string role_;
  Statement::Keep keep_;
  Statement begin_;
  bool holds_ = false;
  Trouble trouble_;
};

// Names the process among those that hold leases: host, pid, and a number that its next life will not have.
std::string instance_name();

}  // namespace tenfold::sidecar

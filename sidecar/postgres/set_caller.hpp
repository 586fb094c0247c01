// One statement for what many coroutines ask at about the same time: a set costs one commit, as one item
// does.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "postgres/worker_database.hpp"

namespace tenfold::sidecar {

class SetCaller {
 public:
  // sql: takes an array for each value of an item, and gives one row an item, in their order. Not prepared:
  // that is done as the login, which need not know the schema.
  SetCaller(Loop& loop, WorkerDatabase& database, std::string sql);

  // The first column of the item's row. Throws PgRefusal; an item that Postgres refuses fails alone.
  Task<std::optional<std::string>> ask(std::vector<std::string> item);

 private:
  struct Waiting;
  using Set = std::vector<std::shared_ptr<Waiting>>;

  Task<void> call_sets();
  Task<void> call(Set set);
  Query query_of(const Set& set) const;

  Loop& loop_;
  WorkerDatabase& database_;
  Statement statement_;
  std::deque<std::shared_ptr<Waiting>> queue_;
  size_t under_way_ = 0;
};

}  // namespace tenfold::sidecar

#include "postgres/set_caller.hpp"

#include <algorithm>
#include <utility>

#include "postgres/values.hpp"

namespace tenfold::sidecar {
namespace {

constexpr size_t most_in_set = 500;
constexpr size_t most_sets = 2;  // under way: while one commits, the next gathers

}  // namespace

struct SetCaller::Waiting {
  Waiting(asio::io_context& io, std::vector<std::string> values) : item(std::move(values)), bell(io) {}

  void end(std::optional<PgFailure> why, std::optional<std::string> text = {}) {
    failure = std::move(why);
    answer = std::move(text);
    is_over = true;
    bell.ring();
  }

  std::vector<std::string> item;
  Bell bell;
  bool is_over = false;
  std::optional<std::string> answer;
  std::optional<PgFailure> failure;
};

SetCaller::SetCaller(Loop& loop, WorkerDatabase& database, std::string sql)
    : loop_(loop), database_(database), statement_(std::move(sql), Statement::Keep::once) {}

Task<std::optional<std::string>> SetCaller::ask(std::vector<std::string> item) {
  const auto waiting = std::make_shared<Waiting>(loop_.io(), std::move(item));
  queue_.push_back(waiting);
  if (under_way_ < most_sets) {
    under_way_++;
    loop_.spawn("a set of calls", call_sets());
  }
  while (!waiting->is_over) co_await waiting->bell.wait(std::chrono::hours(1));
  if (waiting->failure) throw PgRefusal(std::move(*waiting->failure));
  co_return std::move(waiting->answer);
}

Task<void> SetCaller::call_sets() {
  while (!queue_.empty()) {
    const auto end = queue_.begin() + static_cast<long>(std::min(queue_.size(), most_in_set));
    Set set(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
    co_await call(std::move(set));
  }
  under_way_--;
}

Query SetCaller::query_of(const Set& set) const {
  Query query{&statement_};
  for (size_t column = 0; column < set.front()->item.size(); column++)
    query.arguments.push_back({array_of(
        set, [&](std::string& text, const auto& one) { append_element(text, one->item[column]); })});
  return query;
}

Task<void> SetCaller::call(Set set) {
  std::vector<Query> queries;
  queries.push_back(query_of(set));
  const Reply reply = co_await database_.try_run(std::move(queries));
  if (reply.failure && reply.failure->kind == PgFailure::Kind::refused && set.size() > 1) {
    for (const auto& one : set) {
      Set alone;
      alone.push_back(one);
      co_await call(std::move(alone));
    }
    co_return;
  }
  for (size_t i = 0; i < set.size(); i++) {
    if (reply.failure)
      set[i]->end(reply.failure);
    else if (const int row = static_cast<int>(i); row >= reply.rows.back().size())
      set[i]->end(
          PgFailure{PgFailure::Kind::refused, "XX000", "a set was answered with fewer rows than it has"});
    else if (reply.rows.back().is_null(row, 0))
      set[i]->end({});
    else
      set[i]->end({}, std::string(reply.rows.back().text(row, 0)));
  }
}

}  // namespace tenfold::sidecar

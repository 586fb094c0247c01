// What is sent to Postgres, and what comes back, as values.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenfold::sidecar {

// A statement's text. Those with a name are prepared once per connection; make them once and keep them.
class Statement {
 public:
  enum class Keep { prepared, once };

  // A plan is shared by who shares the name. Postgres checks the right to call a function that it inlines
  // only when it plans: statements that run under several roles need a scope for each, the role's name.
  explicit Statement(std::string sql, Keep keep = Keep::prepared, std::string_view scope = {});

  const std::string& sql() const { return sql_; }
  const std::string& name() const { return name_; }  // empty: not kept. A hash of text and scope.

 private:
  std::string sql_, name_;
};

// One argument, NULL by default. Text form, or raw bytes for a bytea.
struct Argument {
  std::optional<std::string> value = std::nullopt;
  bool is_binary = false;
};

// Text arguments. (A list in braces within a co_await is more than g++ 12 can compile.)
template <class... Texts>
std::vector<Argument> arguments_of(Texts... texts) {
  std::vector<Argument> arguments;
  (arguments.push_back({std::optional<std::string>(std::move(texts))}), ...);
  return arguments;
}

struct Query {
  const Statement* statement;  // lives until the reply is there
  std::vector<Argument> arguments = {};
};

// Rows of one statement, all columns in text form.
class Rows {
 public:
  explicit Rows(PGresult* result) : result_(result, PQclear) {}

  int size() const { return PQntuples(result_.get()); }
  size_t bytes() const { return PQresultMemorySize(result_.get()); }
  bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) == 1; }
  std::string_view text(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<size_t>(PQgetlength(result_.get(), row, column))};
  }

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

// Why a transaction did not commit.
struct PgFailure {
  enum class Kind {
    refused,      // Postgres answered with an error
    lost,         // the connection broke while the answer was awaited: it may have committed
    unavailable,  // nothing was sent: no connection is up
    full,         // nothing was sent: too many wait already, or it waited too long
    unready,      // the session cannot become the worker's role; the next four say why
  };

  Kind kind;
  std::string sqlstate = {};  // the next four are Postgres's own, as far as it gave them
  std::string message = {};
  std::string detail = {};
  std::string hint = {};

  static PgFailure from(const PGresult* result);

  // For people, and to be kept: SQLSTATE and message, or why there is neither.
  std::string reason() const;

  // Postgres is away, starts, stops, or asks to try again: not the statement's fault.
  bool is_passing() const;
};

// The answer to a transaction: the rows of each statement, or the failure.
struct Reply {
  std::vector<Rows> rows;
  std::optional<PgFailure> failure;
};

}  // namespace tenfold::sidecar

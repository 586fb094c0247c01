// One connection for a command of the command line, which waits for each answer.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/statement.hpp"

namespace tenfold::sidecar {

// Postgres is not there, or said no.
struct SqlFailure : std::runtime_error {
  SqlFailure(const std::string& message, std::string state, std::string what_to_do)
      : std::runtime_error(message), sqlstate(std::move(state)), hint(std::move(what_to_do)) {}

  std::string sqlstate, hint;
};

class SqlSession {
 public:
  // Acts as the role where the login may become it, else as the login. Throws SqlFailure, as all here.
  SqlSession(const std::string& dsn, const std::string& role);

  Rows ask(const std::string& sql, const std::vector<Argument>& arguments = {});
  // The first column of each row as it comes, however many there are.
  void each(const std::string& sql, const std::vector<Argument>& arguments,
            const std::function<void(std::string_view)>& take);

 private:
  void send(const std::string& sql, const std::vector<Argument>& arguments);

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

}  // namespace tenfold::sidecar

// From an error of Postgres to a status and a body, by PostgREST's table; but what others changed meanwhile
// (40001, 40P01, 55P03, 23P01) is 409 with Retry-After, and what took too long (57014) is 504.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <string_view>

#include "workers/gateway/problem.hpp"

namespace tenfold::gateway {

// An error as Postgres reports it.
struct DatabaseError {
  std::string sqlstate;
  std::string message;
  std::string detail = {};
  std::string hint = {};
};

// PTxyz gives the status xyz. 42501 is 401 without a token, and 403 with one.
int status_of(std::string_view sqlstate, bool is_anonymous);

// Also takes RAISE SQLSTATE 'PGRST' apart: message is the JSON body {code, message, details, hint}, detail is
// {"status": …, "headers": {…}}. Where these are malformed: 500, PGRST121. 503 carries Retry-After, 401
// WWW-Authenticate.
Problem problem_of(const DatabaseError& error, bool is_anonymous);

}  // namespace tenfold::gateway

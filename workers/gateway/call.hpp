// The SQL of a call: what is prepared once for a route, and the parameters of one request.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "workers/gateway/form.hpp"
#include "workers/gateway/problem.hpp"
#include "workers/gateway/route.hpp"

namespace tenfold::gateway {

// The values of a call of shape F, and which of the route's parameters have one (bit i: parameters[i]).
struct FormValues {
  uint32_t present = 0;
  std::vector<std::string> values = {};
};

// Takes the route's parameters from path and query; what else the query holds is dropped. 400 names the
// parameter that is missing or does not match its pattern.
Outcome<FormValues> take_parameters(const Route& route, const Form& path_values, std::string_view query);

// Of a query string the pairs that name a parameter of the route, as they were sent: what a page's Link
// repeats.
std::string listed_query(const Route& route, std::string_view query);

// Takes them from the form that a client of PostgREST sends as its body, ids of the path too. Any other name
// is 404 with PGRST202: PostgREST would look for another function.
Outcome<FormValues> take_arguments(const Route& route, std::string_view form);

// One row: the body as text (a bytea in hex form), response.status, response.headers, and the microseconds
// that the transaction has taken so far, without what was before it on its connection. Status and headers are
// NULL where the function did not set them. `present` matters for shape F only: absent parameters keep the
// function's defaults.
std::string call_sql(const Route& route, uint32_t present);

// SELECT set_config(…): $1 role, $2 request.jwt.claims, $3 request.method, $4 request.path, $5
// request.headers, $6 request.cookies, $7 statement_timeout; all end with the transaction. The role comes
// first: what follows it needs no rights.
std::string settings_sql(bool is_read_only);

// Finds the routes: a row each of one column, the JSON object for parse_route().
extern const char catalog_sql[];

// A row only if a function of this name, without arguments, exists: $1 the name. Others of that name do not
// count.
extern const char find_pre_request_sql[];

std::string quote_identifier(std::string_view name);

}  // namespace tenfold::gateway

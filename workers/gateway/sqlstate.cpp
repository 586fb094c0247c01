#include "workers/gateway/sqlstate.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

namespace tenfold::gateway {
namespace {

using nlohmann::json;

struct StatusRow {
  std::string_view prefix;
  int status;
};

// https://docs.postgrest.org, "Errors", but for the first five, whose status is that of tenfold.raise_http():
// the first prefix that fits.
constexpr StatusRow rows[] = {
    {"40001", 409}, {"40P01", 409}, {"55P03", 409}, {"23P01", 409}, {"57014", 504}, {"21000", 500},
    {"08", 503},    {"09", 500},    {"0L", 403},    {"0P", 403},    {"23503", 409}, {"23505", 409},
    {"25006", 405}, {"25", 500},    {"28", 403},    {"2D", 500},    {"38", 500},    {"39", 500},
    {"3B", 500},    {"40", 500},    {"53400", 500}, {"53", 503},    {"54", 413},    {"55", 500},
    {"57P01", 503}, {"57", 500},    {"58", 500},    {"F0", 500},    {"HV", 500},    {"P0001", 400},
    {"P0", 500},    {"XX", 500},    {"42883", 404}, {"42P01", 404}, {"42P17", 500},
};

constexpr int lowest_status = 200, highest_status = 599;

std::optional<int> custom_status(std::string_view sqlstate) {
  if (!sqlstate.starts_with("PT") || sqlstate.size() != 5) return std::nullopt;
  const int status = std::atoi(std::string(sqlstate.substr(2)).c_str());
  return status >= lowest_status && status <= highest_status ? status : 500;
}

Problem malformed_raise(const std::string& what) {
  return {500, "PGRST121", "could not parse the JSON of RAISE SQLSTATE 'PGRST'",
          "message and detail are JSON objects: see PostgREST, Raise errors with HTTP status codes", what};
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Problem problem_of_raise(const DatabaseError& error) {
  const json body = json::parse(error.message, nullptr, false);
  const json about = json::parse(error.detail, nullptr, false);
  if (!body.is_object() || text_of(body, "code").empty() || text_of(body, "message").empty())
    return malformed_raise("the message must have code and message");
  if (!about.is_object() || !about.value("status", json()).is_number_integer() ||
      !about.value("headers", json()).is_object())
    return malformed_raise("the detail must have status and headers");
  Problem problem{about["status"], text_of(body, "code"), text_of(body, "message"), text_of(body, "hint"),
                  text_of(body, "details")};
  if (problem.status < lowest_status || problem.status > highest_status)
    return malformed_raise("the status must be a number from 200 to 599");
  for (const auto& [name, value] : about["headers"].items())
    if (value.is_string()) problem.headers.emplace_back(name, value);
  return problem;
}

// What the server says of a constraint shows the row that broke it, columns and all that the client never
// sent.
bool shows_row(std::string_view sqlstate) {
  return sqlstate.starts_with("23");
}

bool has_header(const Problem& problem, std::string_view name) {
  for (const auto& [known, value] : problem.headers)
    if (sidecar::equal_ignoring_case(known, name)) return true;
  return false;
}

// Somebody else was at the same thing at the same time.
bool is_repeatable(std::string_view sqlstate) {
  return sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "55P03" || sqlstate == "23P01";
}

}  // namespace

int status_of(std::string_view sqlstate, bool is_anonymous) {
  if (const auto status = custom_status(sqlstate)) return *status;
  if (sqlstate == "42501") return is_anonymous ? 401 : 403;
  for (const StatusRow& row : rows)
    if (sqlstate.starts_with(row.prefix)) return row.status;
  return 400;
}

Problem problem_of(const DatabaseError& error, bool is_anonymous) {
  Problem problem = error.sqlstate == "PGRST"
                        ? problem_of_raise(error)
                        : Problem{status_of(error.sqlstate, is_anonymous), error.sqlstate, error.message,
                                  error.hint, shows_row(error.sqlstate) ? "" : error.detail};
  const bool may_repeat = problem.status == 503 || (problem.status == 409 && is_repeatable(error.sqlstate));
  if (may_repeat && !has_header(problem, "Retry-After")) problem.headers.emplace_back("Retry-After", "1");
  if (problem.status == 401 && !has_header(problem, "WWW-Authenticate"))
    problem.headers.emplace_back("WWW-Authenticate", "Bearer");
  return problem;
}

}  // namespace tenfold::gateway

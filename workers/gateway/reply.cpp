#include "workers/gateway/reply.hpp"

#include "workers/gateway/request_settings.hpp"
#include "workers/gateway/sqlstate.hpp"

namespace tenfold::gateway {
namespace {

using sidecar::HttpAnswer;
using sidecar::PgFailure;
using sidecar::Rows;

Problem away(std::string code, std::string message, std::string hint) {
  return {503, std::move(code), std::move(message), std::move(hint), {}, {{"Retry-After", "1"}}};
}

Problem problem_of(const PgFailure& failure, bool is_anonymous) {
  switch (failure.kind) {
    case PgFailure::Kind::unavailable:
      return away("PGRST000", "the database is not reachable", "nothing was done: repeat the request");
    case PgFailure::Kind::full:
      return away("PGRST003", "too many requests wait for the database",
                  "nothing was done: repeat the request");
    case PgFailure::Kind::lost:
      return away("PGRST001", "the connection to the database was lost",
                  "it may have been done: look before repeating");
    default:
      // A statement that a pooler forgot: it is prepared anew next time.
      if (failure.sqlstate == "26000")
        return away("PGRST001", "a prepared statement was lost", "nothing was done: repeat the request");
      return gateway::problem_of({failure.sqlstate, failure.message, failure.detail, failure.hint},
                                 is_anonymous);
  }
}

std::optional<std::string_view> value_at(const Rows& rows, int column) {
  if (rows.is_null(0, column)) return std::nullopt;
  return rows.text(0, column);
}

int nibble(char c) {
  return c <= '9' ? c - '0' : c - 'a' + 10;
}

// Postgres's \x… form.
std::string bytes_of(std::string_view hex) {
  std::string bytes;
  for (size_t i = 2; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(nibble(hex[i]) * 16 + nibble(hex[i + 1]));
  return bytes;
}

void put_body(const Rows& rows, const Route& route, HttpAnswer& answer) {
  if (route.returns == Returns::nothing) {
    if (answer.status == 200) answer.status = 204;
    return;
  }
  const bool is_media = route.returns == Returns::media;
  answer.headers.emplace_back("Content-Type",
                              is_media ? route.media_type : "application/json; charset=utf-8");
  const auto body = value_at(rows, 0);
  if (is_media && !body) return;
  if (!body)
    answer.body = "null";
  else
    answer.body = is_media && route.returns_bytes ? bytes_of(*body) : std::string(*body);
}

}  // namespace

HttpAnswer answer_of(const sidecar::Reply& reply, const Route& route, int success_status, bool is_anonymous) {
  if (reply.failure) return answer_of(problem_of(*reply.failure, is_anonymous));
  HttpAnswer answer{success_status};
  const Rows& rows = reply.rows.back();
  // A function that returns no row at all gives null, as PostgREST's does.
  if (rows.size() == 0) return answer;
  put_body(rows, route, answer);
  if (auto problem = apply_response_settings(value_at(rows, 1), value_at(rows, 2), answer))
    return answer_of(*problem);
  return answer;
}

}  // namespace tenfold::gateway

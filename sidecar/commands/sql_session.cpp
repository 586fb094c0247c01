#include "commands/sql_session.hpp"

namespace tenfold::sidecar {
namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void throw_unless_good(const PGresult* result) {
  const auto status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE || status == PGRES_COMMAND_OK) return;
  const PgFailure failure = PgFailure::from(result);
  throw SqlFailure(failure.message, failure.sqlstate, failure.hint);
}

}  // namespace

SqlSession::SqlSession(const std::string& dsn, const std::string& role)
    : connection_(PQconnectdb(dsn.c_str()), PQfinish) {
  if (PQstatus(connection_.get()) != CONNECTION_OK)
    throw SqlFailure("cannot connect to Postgres: " + trimmed(PQerrorMessage(connection_.get())), "",
                     "--database.dsn='host=… dbname=…', or PGHOST, PGDATABASE and so on");
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
  ask("SELECT set_config('role', r.rolname, false) FROM pg_roles r "
      "WHERE r.rolname = $1 AND pg_has_role(r.oid, 'MEMBER')",
      arguments_of(role));
}

void SqlSession::send(const std::string& sql, const std::vector<Argument>& arguments) {
  std::vector<const char*> values;
  for (const Argument& argument : arguments)
    values.push_back(argument.value ? argument.value->c_str() : nullptr);
  if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0) != 1)
    throw SqlFailure(trimmed(PQerrorMessage(connection_.get())), "", "");
}

Rows SqlSession::ask(const std::string& sql, const std::vector<Argument>& arguments) {
  send(sql, arguments);
  PGresult* result = PQgetResult(connection_.get());
  Rows rows(result);
  while (PGresult* rest = PQgetResult(connection_.get())) PQclear(rest);
  throw_unless_good(result);
  return rows;
}

void SqlSession::each(const std::string& sql, const std::vector<Argument>& arguments,
                      const std::function<void(std::string_view)>& take) {
  send(sql, arguments);
  PQsetSingleRowMode(connection_.get());
  while (PGresult* result = PQgetResult(connection_.get())) {
    const Rows rows(result);
    throw_unless_good(result);
    for (int row = 0; row < rows.size(); row++) take(rows.text(row, 0));
  }
}

}  // namespace tenfold::sidecar

#include "workers/gateway/call.hpp"

#include <algorithm>

namespace tenfold::gateway {
namespace {

Problem missing(const Parameter& parameter) {
  return {400, "PGRST100", "parameter " + parameter.name + " is missing",
          "add ?" + parameter.name + "=… to the path"};
}

Problem unfit(const Parameter& parameter, const std::string& value) {
  const std::string pattern = parameter.pattern ? parameter.pattern->pattern() : ".*";
  return {400, "PGRST100",
          "parameter " + parameter.name + " has the invalid value \"" + value.substr(0, 100) + "\"",
          "it must match " + pattern};
}

// name => $1::type, … of those that are present.
std::string named_arguments(const Route& route, uint32_t present) {
  std::string arguments;
  int number = 0;
  for (size_t i = 0; i < route.parameters.size(); i++) {
    if ((present >> i & 1U) == 0) continue;
    const Parameter& parameter = route.parameters[i];
    if (number++ > 0) arguments += ", ";
    arguments += quote_identifier(parameter.name) + " => $" + std::to_string(number) + "::" + parameter.type;
  }
  return arguments;
}

std::string call_of(const Route& route, uint32_t present) {
  switch (route.shape) {
    case Shape::form:
      return route.function + "(" + named_arguments(route, present) + ")";
    case Shape::json:
      return route.function + "($1::" + route.body_type + ")";
    default:
      return route.function + "($1::bytea)";
  }
}

Problem malformed(const std::string& what) {
  return {400, "PGRST100", what + " is malformed",
          "encode it as UTF-8 with %XX, without NUL; write %25 for a percent sign"};
}

enum class Patterns { count, do_not_count };

Outcome<FormValues> take(const Route& route, const Form& path_values, const Form& form, Patterns patterns) {
  FormValues taken;
  for (size_t i = 0; i < route.parameters.size(); i++) {
    const Parameter& parameter = route.parameters[i];
    const std::string* value = find_value(parameter.in_path ? path_values : form, parameter.name);
    if (value == nullptr && parameter.is_required) return missing(parameter);
    if (value == nullptr) continue;
    if (patterns == Patterns::count && !fits(parameter, *value)) return unfit(parameter, *value);
    taken.present |= 1U << i;
    taken.values.push_back(*value);
  }
  return taken;
}

}  // namespace

Outcome<FormValues> take_parameters(const Route& route, const Form& path_values, std::string_view query) {
  const auto form = parse_form(query);
  if (!form) return malformed("the query string");
  return take(route, path_values, *form, Patterns::count);
}

std::string listed_query(const Route& route, std::string_view query) {
  std::string listed;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto name = percent_decode(pair.substr(0, pair.find('=')), Plus::is_space);
    const auto is_named = [&](const Parameter& parameter) {
      return !parameter.in_path && parameter.name == name;
    };
    if (!std::ranges::any_of(route.parameters, is_named)) continue;
    if (!listed.empty()) listed += '&';
    listed += pair;
  }
  return listed;
}

Outcome<FormValues> take_arguments(const Route& route, std::string_view text) {
  const auto form = parse_form(text);
  if (!form) return malformed("the form");
  for (const auto& [name, value] : *form)
    if (std::ranges::count(route.parameters, name, &Parameter::name) == 0)
      return Problem{404, "PGRST202",
                     "the function " + route.name + " has no parameter " + name.substr(0, 100),
                     "send only those that its route lists"};
  return take(route, *form, *form, Patterns::do_not_count);
}

std::string call_sql(const Route& route, uint32_t present) {
  const std::string call = call_of(route, present);
  const std::string settings =
      ", nullif(current_setting('response.status', true), ''), nullif(current_setting('response.headers', "
      "true), ''), (extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000000)::bigint";
  switch (route.returns) {
    case Returns::nothing:
      return "SELECT " + call + settings;
    case Returns::json:
      return "SELECT " + call + "::text" + settings;
    case Returns::value:
      return "SELECT to_json(" + call + ")::text" + settings;
    case Returns::set:
      return "SELECT coalesce(json_agg(r), '[]')::text" + settings + " FROM " + call + " AS r";
    default:
      return "SELECT " + call + (route.returns_bytes ? "::bytea" : "::text") + settings;
  }
}

std::string settings_sql(bool is_read_only) {
  std::string sql = "SELECT set_config('role', $1, true)";
  int number = 1;
  for (const char* name : {"request.jwt.claims", "request.method", "request.path", "request.headers",
                           "request.cookies", "statement_timeout"})
    sql += std::string(", set_config('") + name + "', $" + std::to_string(++number) + ", true)";
  // What a function set for its session, and not for its transaction, would show in everybody's answers.
  for (const char* name : {"response.status", "response.headers"})
    sql += std::string(", set_config('") + name + "', '', true)";
  if (is_read_only) sql += ", set_config('transaction_read_only', 'on', true)";
  return sql;
}

const char catalog_sql[] = R"(
SELECT jsonb_build_object(
  'method', r.method, 'path', r.path, 'shape', r.shape, 'parameters', r.parameters,
  'success_status', r.success_status, 'rate_class', r.rate_class,
  'function', CASE WHEN p.oid IS NOT NULL THEN format('%I.%I', n.nspname, p.proname) END,
  'name', coalesce(p.proname, ''),
  'is_volatile', p.provolatile = 'v',
  'body_type', format_type(p.proargtypes[0], NULL),
  'statement_timeout', (SELECT coalesce(max(split_part(c, '=', 2)), '') FROM unnest(p.proconfig) AS c
    WHERE c LIKE 'statement_timeout=%'),
  'returns_set', p.proretset,
  'returns', format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL),
  'media_type', CASE WHEN t.typtype = 'd' AND t.typname LIKE '%/%' THEN t.typname END,
  'argument_types', (
    SELECT coalesce(jsonb_object_agg(a.name, format_type(a.type, NULL)), '{}')
    FROM unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes) AS a (name, type, mode)
    WHERE a.name <> '' AND coalesce(a.mode, 'i') IN ('i', 'b', 'v')))::text
FROM tenfold.route AS r
LEFT JOIN pg_catalog.pg_proc AS p ON p.oid = to_regprocedure(r.function)
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
LEFT JOIN pg_catalog.pg_type AS t ON t.oid = p.prorettype
ORDER BY r.path, r.method
)";

const char find_pre_request_sql[] = R"(
SELECT format('%I.%I', n.nspname, p.proname)
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.oid = to_regprocedure($1 || '()')
)";

std::string quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace tenfold::gateway

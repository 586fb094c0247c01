#include "workers/gateway/route.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

namespace tenfold::gateway {
namespace {

using nlohmann::json;

constexpr size_t most_parameters = 32;
constexpr size_t longest_value = 4096;

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> segments;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const size_t end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

Error wrong(const Route& route, const std::string& what) {
  return {Code::invalid_parameter, "route " + route.method + " " + route.path + ": " + what,
          "correct its row in tenfold.route"};
}

std::optional<Shape> parse_shape(const std::string& letter) {
  if (letter == "F") return Shape::form;
  if (letter == "J") return Shape::json;
  if (letter == "R") return Shape::raw;
  return std::nullopt;
}

Result<Parameter> parse_parameter(const json& object, const Route& route, const json& argument_types) {
  Parameter parameter;
  parameter.name = object.value("name", "");
  parameter.in_path = object.value("in", "query") == "path";
  parameter.is_required = parameter.in_path || object.value("required", false);
  const std::string pattern =
      object.value("pattern", json()).is_string() ? object["pattern"].get<std::string>() : "";
  if (!pattern.empty()) {
    parameter.pattern = std::make_shared<const RE2>(pattern, RE2::Quiet);
    if (!parameter.pattern->ok())
      return wrong(route, "pattern of " + parameter.name + ": " + parameter.pattern->error());
  }
  if (route.shape == Shape::form) {
    if (!argument_types.contains(parameter.name))
      return wrong(route, "function " + route.function + " has no parameter " + parameter.name);
    parameter.type = argument_types[parameter.name];
  }
  return parameter;
}

// How the function's result becomes a body.
void parse_result(const json& object, Route& route) {
  const std::string type = object.value("returns", "void");
  const json media = object.value("media_type", json());
  if (media.is_string()) {
    route.returns = Returns::media;
    route.media_type = media;
    route.returns_bytes = type == "bytea";
  } else if (object.value("returns_set", false)) {
    route.returns = Returns::set;
  } else if (type == "void") {
    route.returns = Returns::nothing;
  } else {
    route.returns = type == "json" || type == "jsonb" ? Returns::json : Returns::value;
  }
}

// Each :name of the path is a path parameter, and the other way round.
bool names_agree(const Route& route) {
  size_t named = 0;
  for (const std::string& segment : route.segments) {
    if (!segment.starts_with(':')) continue;
    named++;
    const bool known = std::ranges::any_of(
        route.parameters, [&](const Parameter& one) { return one.in_path && one.name == segment.substr(1); });
    if (!known) return false;
  }
  return std::ranges::count_if(route.parameters, &Parameter::in_path) == static_cast<ptrdiff_t>(named);
}

Result<Route> parse_object(const json& object) {
  Route route;
  route.method = object.value("method", "");
  route.path = object.value("path", "");
  route.segments = split_path(route.path);
  if (!object.value("function", json()).is_string()) return wrong(route, "its function does not exist");
  route.function = object["function"];
  route.name = object.value("name", "");
  route.is_volatile = object.value("is_volatile", true);
  // json keeps what jsonb drops: a member that comes twice, say.
  if (object.value("body_type", json()) == "json") route.body_type = "json";
  route.success_status = object.value("success_status", 200);
  route.rate_class = object.value("rate_class", "default");
  route.statement_timeout = object.value("statement_timeout", "");
  const auto shape = parse_shape(object.value("shape", ""));
  if (!shape) return wrong(route, "shape " + object.value("shape", "") + " is not served here");
  route.shape = *shape;
  parse_result(object, route);
  const json parameters = object.value("parameters", json::array());
  if (parameters.size() > most_parameters) return wrong(route, "more than 32 parameters");
  for (const json& one : parameters) {
    auto parameter = parse_parameter(one, route, object.value("argument_types", json::object()));
    if (!parameter) return parameter.error();
    route.parameters.push_back(std::move(*parameter));
  }
  if (!names_agree(route)) return wrong(route, "its path and its path parameters differ");
  return route;
}

// The values of the path parameters, where the path fits the route.
std::optional<Form> fit_path(const Route& route, const std::vector<std::string>& segments) {
  Form values;
  for (size_t i = 0; i < segments.size(); i++) {
    const std::string& wanted = route.segments[i];
    if (!wanted.starts_with(':')) {
      if (wanted != segments[i]) return std::nullopt;
      continue;
    }
    auto value = percent_decode(segments[i], Plus::is_plus);
    const auto parameter =
        std::ranges::find(route.parameters, std::string_view(wanted).substr(1), &Parameter::name);
    if (!value || value->empty() || !fits(*parameter, *value)) return std::nullopt;
    values.emplace_back(parameter->name, std::move(*value));
  }
  return values;
}

// Sorts :id behind every literal.
bool more_literal(const Route& a, const Route& b) {
  return std::ranges::lexicographical_compare(
      a.segments, b.segments, {}, [](const std::string& segment) { return segment.starts_with(':'); },
      [](const std::string& segment) { return segment.starts_with(':'); });
}

}  // namespace

bool fits(const Parameter& parameter, std::string_view value) {
  if (value.size() > longest_value) return false;
  return !parameter.pattern ||
         RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *parameter.pattern);
}

Result<Route> parse_route(std::string_view text) {
  try {
    return parse_object(json::parse(text));
  } catch (const json::exception& failure) {
    return Error{Code::invalid_parameter,
                 std::string("a row of tenfold.route is malformed: ") + failure.what(), "correct the row"};
  }
}

RouteTable::RouteTable(std::vector<Route> routes) : routes_(std::move(routes)) {
  std::ranges::stable_sort(routes_, more_literal);
}

Match RouteTable::match(std::string_view method, std::string_view path) const {
  if (method == "HEAD") method = "GET";
  const std::vector<std::string> segments = split_path(path);
  Match match;
  for (const Route& route : routes_) {
    if (route.segments.size() != segments.size()) continue;
    auto values = fit_path(route, segments);
    if (!values) continue;
    match.methods.push_back(route.method);
    if (match.route != nullptr || route.method != method) continue;
    match.route = &route;
    match.path_values = std::move(*values);
  }
  return match;
}

const Route* RouteTable::find_function(std::string_view name) const {
  const Route* first = nullptr;
  for (const Route& route : routes_) {
    if (route.name != name) continue;
    if (first == nullptr || std::tie(route.path, route.method) < std::tie(first->path, first->method))
      first = &route;
  }
  return first;
}

}  // namespace tenfold::gateway

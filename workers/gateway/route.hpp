// The route table: which function answers which path.
#pragma once

#include "kernel/wall.hpp"

#include <re2/re2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/result.hpp"
#include "workers/gateway/form.hpp"

namespace tenfold::gateway {

enum class Shape {
  form,  // F: named parameters, from path and query
  json,  // J: the body as one jsonb; path ids travel in X-Path-* headers
  raw,   // R: the body as one bytea
};

// What a function gives, and so what the body is.
enum class Returns {
  nothing,  // void: 204
  json,     // json, jsonb: as it is
  value,    // another scalar or a row: to_json
  set,      // rows: an array
  media,    // a domain whose name is a media type: text or bytea as it is
};

struct Parameter {
  std::string name;
  bool in_path = false;
  bool is_required = false;
  std::string type;  // of the function's argument, as SQL; empty for those of shapes J and R
  std::shared_ptr<const RE2> pattern;  // of the whole value; null: any
};

struct Route {
  std::string method;
  std::string path;  // /hotels/:id/details
  Shape shape = Shape::form;
  std::string function;  // schema-qualified and quoted
  std::string name;      // the function's own, bare
  bool is_volatile = true;
  std::string body_type = "jsonb";  // of shape J: json or jsonb
  Returns returns = Returns::json;
  bool returns_bytes = false;  // of Returns::media: bytea
  std::string media_type;      // of Returns::media
  int success_status = 200;
  std::string rate_class;
  std::string statement_timeout;      // that of the function, as Postgres reads it; empty: it has none
  std::vector<Parameter> parameters;  // at most 32: call_sql() takes a bit for each
  std::vector<std::string> segments;  // of the path; ":id" is a parameter
};

// From one JSON object of catalog_sql (catalog.hpp). The error names the route and what is wrong with it.
Result<Route> parse_route(std::string_view json);

// What matching a path gives.
struct Match {
  const Route* route = nullptr;                // null: none has this method
  Form path_values = {};                       // decoded
  std::vector<std::string_view> methods = {};  // of all routes with this path; empty: there is no such path
};

class RouteTable {
 public:
  explicit RouteTable(std::vector<Route> routes);

  // The path as it was sent, without prefix. A literal segment is stronger than a parameter, and a parameter
  // matches only what its pattern matches, decoded. HEAD finds the route of GET.
  Match match(std::string_view method, std::string_view path) const;

  // The route of the function with this name; of several, the first by path and method. Null: there is none.
  const Route* find_function(std::string_view name) const;

  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;  // the more literal ones first
};

// Whether the whole value matches. Values above 4096 bytes never do.
bool fits(const Parameter& parameter, std::string_view value);

}  // namespace tenfold::gateway

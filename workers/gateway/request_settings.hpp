// The settings of a transaction that tell a function about its request, and those by which it shapes the
// answer.
#pragma once

#include "kernel/wall.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"
#include "workers/gateway/form.hpp"
#include "workers/gateway/problem.hpp"

namespace tenfold::gateway {

// What the edge alone knows, and so writes itself: whatever a client sends by these names is dropped.
struct Edge {
  std::string_view client;      // x-real-ip: whom the rate limiter counts
  std::string_view rate_class;  // x-rate-class: the route's
  std::string_view query = {};  // x-query: what of the query string the route lists, as it was sent
};

// request.headers: one JSON object of lower-case names, without cookie; the values of equal names are joined
// by commas. Path values become x-path-NAME (underscores become dashes), the edge's query becomes x-query
// where it is not empty, and what the client sends by such a name is dropped. x-request-id is the id under
// which the request is logged.
std::string headers_json(const sidecar::HttpRequest& request, const Form& path_values, const Edge& edge);

// The same for a request that came by a proxy of ours, which has written x-path-* and x-query itself.
std::string proxied_headers_json(const sidecar::HttpRequest& request);

// request.cookies: one JSON object.
std::string cookies_json(std::string_view cookie);

// Puts what a function set as response.status and response.headers (a JSON array of objects with one member)
// into the answer. 500: PGRST111 for malformed headers, PGRST112 for a malformed status.
std::optional<Problem> apply_response_settings(std::optional<std::string_view> status,
                                               std::optional<std::string_view> headers,
                                               sidecar::HttpAnswer& answer);

}  // namespace tenfold::gateway

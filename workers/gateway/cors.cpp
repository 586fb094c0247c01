#include "workers/gateway/cors.hpp"

#include <algorithm>

namespace tenfold::gateway {
namespace {

bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (item.starts_with(' ')) item.remove_prefix(1);
    if (item == word || item == "*") return true;
  }
  return false;
}

}  // namespace

void allow_origin(const sidecar::HttpRequest& request, std::string_view origins,
                  sidecar::HttpAnswer& answer) {
  const std::string_view origin = request.header("origin");
  const bool is_any = origins == "*";
  if (!is_any) answer.headers.emplace_back("Vary", "Origin");
  if (origin.empty() || !lists(origins, origin)) return;
  answer.headers.emplace_back("Access-Control-Allow-Origin", is_any ? "*" : std::string(origin));
  answer.headers.emplace_back(
      "Access-Control-Expose-Headers",
      "Location, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Link, ETag, "
      "Idempotent-Replayed, X-Request-Id");
}

sidecar::HttpAnswer answer_options(const sidecar::HttpRequest& request,
                                   const std::vector<std::string_view>& methods) {
  const std::string allowed = allowed_methods(methods);
  sidecar::HttpAnswer answer{204, {{"Allow", allowed}}};
  if (request.header("access-control-request-method").empty()) return answer;
  const std::string_view asked = request.header("access-control-request-headers");
  answer.headers.emplace_back("Access-Control-Allow-Methods", allowed);
  answer.headers.emplace_back("Access-Control-Allow-Headers",
                              asked.empty() ? "Authorization, Content-Type" : asked);
  answer.headers.emplace_back("Access-Control-Max-Age", "86400");
  return answer;
}

std::string allowed_methods(const std::vector<std::string_view>& methods) {
  std::string allowed = "OPTIONS";
  for (const std::string_view method : methods) {
    allowed.append(", ").append(method);
    if (method == "GET") allowed += ", HEAD";
  }
  return allowed;
}

}  // namespace tenfold::gateway

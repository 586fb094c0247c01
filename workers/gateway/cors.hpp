// Cross-origin requests of browsers (the Fetch standard). Tokens travel in a header, never in a cookie: so
// there is no Access-Control-Allow-Credentials, and any origin may be allowed.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace tenfold::gateway {

// Adds what lets a page of the request's origin read the answer. `origins`: * for any, or a list with commas.
void allow_origin(const sidecar::HttpRequest& request, std::string_view origins, sidecar::HttpAnswer& answer);

// The answer to OPTIONS, for a path with these methods; to a preflight too.
sidecar::HttpAnswer answer_options(const sidecar::HttpRequest& request,
                                   const std::vector<std::string_view>& methods);

// GET, HEAD, OPTIONS …: HEAD wherever there is GET.
std::string allowed_methods(const std::vector<std::string_view>& methods);

}  // namespace tenfold::gateway

// Conditional requests: an answer that the client has already is not sent again.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace tenfold::gateway {

// Whether If-None-Match (RFC 9110 §13.1.2) names the tag: weakly compared, * names any.
bool names_tag(std::string_view if_none_match, std::string_view etag);

// Turns a 200 whose ETag the client has already into a 304 without a body.
void answer_conditionally(const sidecar::HttpRequest& request, sidecar::HttpAnswer& answer);

}  // namespace tenfold::gateway

// What the limiter reads of a request's headers, which PostgREST and the gateway hand over as one JSON
// object.
#pragma once

#include "kernel/wall.hpp"

#include <string>
#include <string_view>

namespace tenfold {

// The value of a header that the edge writes, as it stands in the object; empty if it is absent or has an
// escape, which none of the edge's has. name: lower case. (A quote within a value is escaped, so "name": is a
// member's name only.)
std::string_view edge_header(std::string_view headers, std::string_view name);

// The header Link of a page (RFC 8288): the query that the edge writes into x-query, with another cursor.
std::string next_link(std::string_view headers, std::string_view cursor);

// Who counts as one client: an IPv4 address, a /64 of IPv6 (one customer has that many), else the text
// itself. The bytes of a key, not for people.
std::string client_key(std::string_view address);

}  // namespace tenfold

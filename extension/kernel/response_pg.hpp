// The headers of the answer to come: PostgREST's setting response.headers, a JSON array of objects.
#pragma once

#include "kernel/wall.hpp"

#include <string_view>

namespace tenfold {

// Appends objects, "{…},{…}", to what is there; ends with the transaction. Those that were added last go, if
// they are `instead_of`.
void add_response_headers(std::string_view objects, std::string_view instead_of = {});
// Of an answer to a request that is a page, {"next" : "CURSOR", … as json_build_object writes it: the header
// Link, which leads to the next.
void add_next_link(std::string_view answer);

}  // namespace tenfold

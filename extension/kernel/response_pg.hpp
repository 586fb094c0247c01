// The headers of the answer to come: PostgREST's setting response.headers, a JSON array of objects.
#pragma once

#include "kernel/wall.hpp"

#include <string_view>

namespace tenfold {

// Appends objects, "{…},{…}", to what is there; ends with the transaction.
void add_response_headers(std::string_view objects);

}  // namespace tenfold

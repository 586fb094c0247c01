// From Postgres's reply to an answer.
#pragma once

#include "http/message.hpp"
#include "postgres/statement.hpp"
#include "workers/gateway/route.hpp"

namespace tenfold::gateway {

// The last statement of the reply is the call's. The status is what a success gets unless the function sets
// another.
sidecar::HttpAnswer answer_of(const sidecar::Reply& reply, const Route& route, int success_status,
                              bool is_anonymous);

}  // namespace tenfold::gateway

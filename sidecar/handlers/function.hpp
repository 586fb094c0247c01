// A handler that calls a function in Postgres, in the transaction that notes the event as handled: exactly
// once.
#pragma once

#include <string>

#include "events/handler.hpp"
#include "kernel/result.hpp"

namespace tenfold::sidecar {

// Of schema.function(id text, topic text, key text, payload jsonb, headers jsonb), which the worker's role
// may call. An error names what is no such name.
Result<Handler> function_handler(const std::string& function);

}  // namespace tenfold::sidecar

// A handler that calls a URL: what is done for a job of queue http_call, and for a webhook of a topic.
#pragma once

#include <functional>

#include "daemon/worker.hpp"
#include "http/call.hpp"

namespace tenfold::sidecar {

// The call that an event asks for; an error is a dead letter.
using RequestOf = std::function<Result<HttpCallRequest>(const Event&)>;

// Gives {"status", "body"} with the beginning of the answer. A refusal of the breaker or quota of a provider
// is no attempt, nor is a 429 or 503 with Retry-After, nor a call for which there was no place: the event
// comes back when it may be asked again. The services outlive the handler.
Handler http_handler(const Services& services, size_t most_bytes, RequestOf request_of);

}  // namespace tenfold::sidecar

// An event as a webhook: a POST by the Standard Webhooks specification (standardwebhooks.com). Pure.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <string>

#include "events/event.hpp"
#include "http/call.hpp"

namespace tenfold::sidecar {

// The secret's bytes: whsec_ and base64, as the specification writes it, or any other text as it is.
Result<std::string> read_webhook_secret(const std::string& text);

// The body is the payload. Headers: Idempotency-Key and webhook-id, both the event's id; webhook-timestamp
// (seconds since 1970) and, where there is a secret, webhook-signature: v1 and the HMAC-SHA256 of
// `id.timestamp.body`; Event-Topic; and traceparent, if the event has one.
HttpCallRequest webhook_request(const std::string& url, const std::string& secret, const Event& event,
                                int64_t seconds);

}  // namespace tenfold::sidecar

// A job of queue http_call as a request, and the answer as an outcome. Pure: no loop, no socket.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/result.hpp"

namespace tenfold::sidecar {

struct HttpCallRequest {
  std::string method = "POST", url, body;
  std::string provider;              // of tenfold.provider, whose breaker and quota count; empty: none
  std::vector<std::string> headers;  // "Name: value"
};

// Of {"url", "body", "method", "headers", "provider"}: body is any JSON, sent as such; method is POST, PUT,
// PATCH or DELETE. Adds Content-Type, and Idempotency-Key with the job's id, where the payload has none of
// its own; and Job-Epoch, which grows with each run: who remembers the highest can refuse a run that lost its
// lease. Headers that frame the request or name its host are not the payload's. An error names what
// is wrong.
Result<HttpCallRequest> read_http_call(const std::string& payload, int64_t job_id, int64_t epoch);

enum class HttpOutcome { done, retry, dead };

// 2xx is done. Another attempt may help where there was no answer (0), or with 408, 425, 429 and 5xx.
HttpOutcome outcome_of(int status);

}  // namespace tenfold::sidecar

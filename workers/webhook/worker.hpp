// Webhooks of payments to their merchants, as Standard Webhooks. Postgres writes and signs each when it is
// due, and knows when the next try is; here it is sent: to public addresses, without following redirects.
#pragma once

#include "daemon/worker.hpp"

namespace tenfold::webhook {

sidecar::Worker worker();

}  // namespace tenfold::webhook

// Routes of events to webhooks, and to functions in Postgres.
#pragma once

#include "daemon/worker.hpp"

namespace tenfold::subscriber {

sidecar::Worker worker();

}  // namespace tenfold::subscriber

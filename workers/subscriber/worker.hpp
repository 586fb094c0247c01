// Routes of events to webhooks, and to functions in Postgres.
#pragma once

#include "sidecar/worker.hpp"

namespace tenfold::subscriber {

sidecar::Worker worker();

}  // namespace tenfold::subscriber

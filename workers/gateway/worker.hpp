// The gateway: serves the rows of tenfold.route over HTTP, and nothing else, by PostgREST's contract.
#pragma once

#include "daemon/worker.hpp"

namespace tenfold::gateway {

sidecar::Worker worker();

}  // namespace tenfold::gateway

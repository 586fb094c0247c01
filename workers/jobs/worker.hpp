// Jobs that every installation can use: calls to URLs that outlive their caller.
#pragma once

#include "daemon/worker.hpp"

namespace tenfold::jobs {

sidecar::Worker worker();

}  // namespace tenfold::jobs

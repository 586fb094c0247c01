// Calls of payments to their providers. What is to be done, and what an answer means for a payment, is
// decided in Postgres: payment.begin_calls() and payment.observe(). Between the two no transaction is open.
#pragma once

#include "daemon/worker.hpp"

namespace tenfold::provider {

sidecar::Worker worker();

}  // namespace tenfold::provider

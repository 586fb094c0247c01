// An answer that leaves in one piece.
//
// The server collects what it sends in 8 KiB, and a longer message leaves in several sends: each wakes the
// client, which reads a part and sleeps again. For an answer of 10 KB over a Unix socket that is a quarter of
// the round trip.
#pragma once

#include "pg/postgres.hpp"

namespace tenfold::pg {

// From now on this connection collects so many bytes before it sends. Does nothing where no client listens.
void widen_send_buffer();

}  // namespace tenfold::pg

// The cache's part of the library's start.
#pragma once

namespace tenfold {

// For _PG_init, where the library is preloaded: commits of what was touched make what is cached stale, and so
// does COMMIT PREPARED.
void watch_transactions();

}  // namespace tenfold

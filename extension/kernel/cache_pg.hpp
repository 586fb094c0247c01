// The cache's part of the library's start.
#pragma once

namespace tenfold {

// For _PG_init, where the library is preloaded: COMMIT PREPARED makes what is cached stale.
void watch_prepared_transactions();

}  // namespace tenfold

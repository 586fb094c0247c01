// Facts about how the library was loaded.
#pragma once

namespace tenfold::pg {

// Whether it came by shared_preload_libraries, so that shared memory is there.
bool preloaded();

}  // namespace tenfold::pg

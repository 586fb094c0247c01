#include "pg/visibility_map.hpp"

#include "pg/call.hpp"
#include "pg/version.hpp"

extern "C" {
#include <access/visibilitymap.h>
}

namespace tenfold::pg {

namespace {

// Where this backend last met each page of the map, as in btree.cpp.
std::array<Buffer, VisibilityMap::most_held> last_seen;

}  // namespace

bool VisibilityMap::pin_and_ask(BlockNumber block) {
  const BlockNumber page = block / blocks_a_page;
  Held& held = held_[page % most_held];
  Buffer& seen = last_seen[page % most_held];
  return call([&] {
    if (!BufferIsValid(held.buffer) && BufferIsValid(seen) &&
        pin_recent(heap_, VISIBILITYMAP_FORKNUM, page, seen))
      held.buffer = seen;
    // Gives back the pin it is handed if that is of another page.
    const uint8 status = visibilitymap_get_status(heap_, block, &held.buffer);
    seen = held.buffer;
    held.number = InvalidBlockNumber;
    if (BufferIsValid(held.buffer)) {
      held.number = page;
      held.bits = reinterpret_cast<const uint8*>(PageGetContents(BufferGetPage(held.buffer)));
    }
    return (status & VISIBILITYMAP_ALL_VISIBLE) != 0;
  });
}

void VisibilityMap::close() {
  for (const Held& held : held_)
    if (BufferIsValid(held.buffer)) ReleaseBuffer(held.buffer);
}

}  // namespace tenfold::pg

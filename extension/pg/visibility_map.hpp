// Asking a heap's visibility map about many rows, which lie anywhere in the heap: it keeps the map's pages
// that it has met pinned, and reads the bit itself, some 15 instructions in place of 400.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <access/visibilitymapdefs.h>
#include <storage/bufmgr.h>
#include <utils/rel.h>
}

namespace tenfold::pg {

class VisibilityMap {
 public:
  static constexpr size_t most_held = 4;

  VisibilityMap() = default;
  explicit VisibilityMap(Relation heap) : heap_(heap) {}

  // Whether every row of a page of the heap is visible to everyone. To be trusted as the server's own
  // function is: of a row just read from an index page whose pin is still held.
  bool is_all_visible(BlockNumber block) {
    const Held& held = held_[block / blocks_a_page % most_held];
    if (held.number != block / blocks_a_page) return pin_and_ask(block);
    const uint8 bits = held.bits[block % blocks_a_page / blocks_a_byte];
    return bits >> BITS_PER_HEAPBLOCK * (block % blocks_a_byte) & VISIBILITYMAP_ALL_VISIBLE;
  }

  // Gives the pins back. Not a destructor: after an error the transaction's end does it.
  void close();

 private:
  // visibilitymap.c's own, which no header shows.
  static constexpr BlockNumber blocks_a_byte = BITS_PER_BYTE / BITS_PER_HEAPBLOCK;
  static constexpr BlockNumber blocks_a_page = (BLCKSZ - MAXALIGN(SizeOfPageHeaderData)) * blocks_a_byte;

  // A pinned page of the map. It stays in place while the heap is open: truncating it wants an exclusive
  // lock.
  struct Held {
    BlockNumber number = InvalidBlockNumber;
    Buffer buffer = InvalidBuffer;
    const uint8* bits = nullptr;
  };

  bool pin_and_ask(BlockNumber block);

  Relation heap_ = nullptr;
  std::array<Held, most_held> held_;
};

}  // namespace tenfold::pg

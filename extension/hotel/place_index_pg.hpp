// Reads the pages of the B-tree on hotel places without touching the heap.
//
// The index is (place_key) INCLUDE (hotel_id, amenities, attributes), all NOT NULL of fixed width, so that an
// entry is a C struct and a page an array of pointers to it. What the access method guarantees is kept: pages
// are read under a share lock, a split found on the way is followed to the right, half-dead pages are stepped
// over, and the visibility map is asked while the leaf is pinned, since VACUUM cannot remove an entry's row
// until then.
//
// Errors leave locks and pins to the end of the transaction, as everywhere in the server.
#pragma once

#include "hotel/nearby.hpp"

#include "pg/btree.hpp"
#include "pg/visibility_map.hpp"

namespace tenfold::hotel {

class PlaceIndex {
 public:
  // Opens hotel.hotel and its index, with the rights of the current user. 42501 without SELECT.
  PlaceIndex();

  // Closes both. Not a destructor: after an error the transaction's end does it.
  void close();

  template <class Visit>
  void around(int64_t key, Visit&& visit) {
    const pg::BTreePage leaf = tree_.leaf_of(key);
    if (!leaf) return;
    const int at = leaf.first_at_least(key);
    const int from = std::max(leaf.first(), at - probe_width),
              end = std::min(leaf.last() + 1, at + probe_width);
    Batch batch;
    for (int i = from; i < end; i++)
      if (const IndexTuple tuple = leaf.tuple(i)) batch.add(entry_of(tuple));
    visit(batch);
    tree_.unlock();
  }

  template <class Visit>
  void in_range(geo::KeyRange range, Visit&& visit, std::vector<Candidate>& out) {
    pg::BTreePage leaf = tree_.leaf_of(range.low);
    while (leaf) {
      const size_t known = out.size();
      read(leaf, range, visit);
      // Read under the lock: a split after it must not show us its items twice.
      const bool is_last = leaf.ends_beyond(range.high);
      const BlockNumber right = leaf.right();
      settle(std::span(out).subspan(known));
      if (is_last) break;
      pg::stop_if_asked();
      leaf = tree_.leaf_at(right);
    }
  }

  static uint64_t row_of(const Entry& e) {
    return pg::row_number(
        &reinterpret_cast<IndexTuple>(reinterpret_cast<uintptr_t>(&e) - sizeof(IndexTupleData))->t_tid);
  }

  bool is_live(const Candidate& c);

  Relation table() const { return heap_; }

 private:
  // Entries looked at on either side of the key by a probe: enough for a bound, few enough to be free.
  static constexpr int probe_width = 32;
  static_assert(2 * probe_width <= Batch::most);

  static const Entry& entry_of(IndexTuple tuple) {
    return *reinterpret_cast<const Entry*>(reinterpret_cast<const char*>(tuple) + sizeof(IndexTupleData));
  }

  template <class Visit>
  void read(const pg::BTreePage& leaf, geo::KeyRange range, Visit& visit) {
    Batch batch;
    for (int i = leaf.first_at_least(range.low), last = leaf.last(); i <= last; i++) {
      const IndexTuple tuple = leaf.tuple(i);
      if (!tuple) continue;
      const Entry& entry = entry_of(tuple);
      if (entry.key > range.high) break;
      if (batch.is_full()) visit(batch), batch.clear();
      batch.add(entry);
    }
    visit(batch);
  }

  // Unlocks the leaf and, while it is still pinned, marks the candidates whose page the visibility map
  // vouches for.
  void settle(std::span<Candidate> fresh);

  Relation heap_;
  pg::BTree tree_;
  pg::VisibilityMap map_;
};

}  // namespace tenfold::hotel

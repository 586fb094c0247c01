#include "pg/btree.hpp"

namespace tenfold::pg {
namespace {

// Where this backend last met each block, of whatever index: only a hint, tried before the server's own
// table. Two blocks of one place in it take turns.
std::array<Buffer, 16384> last_seen;

Buffer pin(Relation index, BlockNumber block) {
  Buffer& seen = last_seen[block % last_seen.size()];
  if (!BufferIsValid(seen) || !pin_recent(index, MAIN_FORKNUM, block, seen)) seen = ReadBuffer(index, block);
  return seen;
}

}  // namespace

int BTreePage::first_at_least(int64 bound) const {
  int low = first(), high = last() + 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (key_at(middle) < bound)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool BTreePage::starts_before(int64 bound) const {
  if (P_LEFTMOST(opaque())) return true;
  // An inner page's first item has no key.
  const int keyed = is_leaf() ? first() : first() + 1;
  return keyed <= last() && key_at(keyed) < bound;
}

BlockNumber BTreePage::child_for(int64 bound) const {
  // The first item of an inner page has no key and stands for minus infinity. Items equal to the bound may
  // start in the child left of an equal key.
  int low = first() + 1, high = last() + 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (key_at(middle) < bound)
      low = middle + 1;
    else
      high = middle;
  }
  return BTreeTupleGetDownLink(
      reinterpret_cast<IndexTuple>(PageGetItem(page_, PageGetItemId(page_, low - 1))));
}

void PinnedPage::take(Relation index, BlockNumber block) {
  release();
  buffer = pin(index, block);
  lock();
  _bt_checkpage(index, buffer);
  refuse_old_snapshot(index, BufferGetPage(buffer));
}

void PinnedPage::lock() {
  if (!locked) LockBuffer(buffer, BT_READ);
  locked = true;
}

void PinnedPage::unlock() {
  if (locked) LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
  locked = false;
}

void PinnedPage::release() {
  if (!valid()) return;
  unlock();
  ReleaseBuffer(buffer);
  buffer = InvalidBuffer;
}

BTreePage BTree::leaf_of(int64 bound) {
  return call([&] {
    if (lock_if_good(leaf_, bound)) return leaf();
    leaf_.release();
    if (!lock_if_good(parent_, bound) && !lock_root(bound)) return BTreePage();
    // Down, with one page locked at a time.
    for (go_right_for(parent_, bound); !parent_.page().is_leaf();) {
      const BlockNumber child = parent_.page().child_for(bound);
      const bool is_last = parent_.page().is_lowest_inner();
      parent_.unlock();
      PinnedPage& next = is_last ? leaf_ : parent_;
      next.take(index_, child);
      go_right_for(next, bound);
      if (is_last) return leaf();
    }
    // The root is a leaf.
    std::swap(leaf_, parent_);
    return leaf();
  });
}

BTreePage BTree::leaf_at(BlockNumber block) {
  return call([&] {
    leaf_.take(index_, block);
    while (leaf_.page().is_ignored()) leaf_.take(index_, leaf_.page().right());
    return leaf();
  });
}

// Whether a page seen before still is where the search for bound may start. While it was unlocked it may have
// been split, or emptied and deleted, but never given keys smaller than its first.
bool BTree::lock_if_good(PinnedPage& held, int64 bound) {
  if (!held.valid()) return false;
  held.lock();
  refuse_old_snapshot(index_, BufferGetPage(held.buffer));
  const BTreePage page = held.page();
  const bool good = !page.is_ignored() && page.starts_before(bound) && page.may_hold(bound);
  if (!good) held.unlock();
  return good;
}

bool BTree::lock_root(int64 bound) {
  if (!lock_known_root()) {
    parent_.release();
    parent_ = {btree_root(index_, heap_), true};
    if (!parent_.valid()) return parent_.locked = false;
    refuse_old_snapshot(index_, BufferGetPage(parent_.buffer));
  }
  go_right_for(parent_, bound);
  return true;
}

// The root that the index's cached copy of the meta page names, if it still is one: what _bt_getroot does,
// but with our hints.
bool BTree::lock_known_root() {
  const auto* meta = static_cast<const BTMetaPageData*>(index_->rd_amcache);
  if (!meta) return false;
  const uint32 level = meta->btm_fastlevel;
  parent_.take(index_, meta->btm_fastroot);
  return parent_.page().is_whole_level(level);
}

// A page may have been split, or emptied and merged to the right, since the link to it was read.
void BTree::go_right_for(PinnedPage& held, int64 bound) {
  while (held.page().is_ignored() || !held.page().may_hold(bound)) held.take(index_, held.page().right());
}

void BTree::unlock() {
  call([&] { leaf_.unlock(); });
}

void BTree::close() {
  leaf_.release();
  parent_.release();
}

}  // namespace tenfold::pg

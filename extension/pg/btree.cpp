#include "pg/btree.hpp"

namespace tenfold::pg {

int BTreeLeaf::first_at_least(int64 bound) const {
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

bool BTreeLeaf::starts_before(int64 bound) const {
  return P_LEFTMOST(opaque()) || (first() <= last() && key_at(first()) < bound);
}

BlockNumber BTreeLeaf::child_for(int64 bound) const {
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

BTreeLeaf BTree::leaf_of(int64 bound) {
  return call([&] {
    BTreeLeaf leaf = still_good(bound);
    return leaf ? leaf : descend(bound);
  });
}

BTreeLeaf BTree::leaf_at(BlockNumber block) {
  return call([&] {
    go_to(block);
    while (page().is_ignored()) go_to(page().right());
    return page();
  });
}

// The leaf of the range before is often the one that the next range needs.
BTreeLeaf BTree::still_good(int64 bound) {
  if (!BufferIsValid(held_)) return {};
  if (!locked_) LockBuffer(held_, BT_READ);
  locked_ = true;
  const BTreeLeaf leaf = page();
  return !leaf.is_ignored() && leaf.is_leaf() && leaf.starts_before(bound) && leaf.may_hold(bound)
             ? leaf
             : BTreeLeaf{};
}

BTreeLeaf BTree::descend(int64 bound) {
  close();
  held_ = btree_root(index_, heap_);
  if (!BufferIsValid(held_)) return {};
  locked_ = true;
  go_right_for(bound);
  while (!page().is_leaf()) {
    go_to(page().child_for(bound));
    go_right_for(bound);
  }
  refuse_old_snapshot(index_, BufferGetPage(held_));
  return page();
}

void BTree::go_to(BlockNumber block) {
  close();
  held_ = ReadBuffer(index_, block);
  LockBuffer(held_, BT_READ);
  locked_ = true;
  _bt_checkpage(index_, held_);
}

// A page may have been split, or emptied and merged to the right, since the link to it was read.
void BTree::go_right_for(int64 bound) {
  while (page().is_ignored() || !page().may_hold(bound)) go_to(page().right());
}

void BTree::unlock() {
  if (locked_) call([&] { LockBuffer(held_, BUFFER_LOCK_UNLOCK); });
  locked_ = false;
}

void BTree::close() {
  if (!BufferIsValid(held_)) return;
  if (locked_) LockBuffer(held_, BUFFER_LOCK_UNLOCK);
  ReleaseBuffer(held_);
  held_ = InvalidBuffer;
  locked_ = false;
}

}  // namespace tenfold::pg

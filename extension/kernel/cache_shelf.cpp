#include "kernel/cache_shelf.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace tenfold {
namespace {

constexpr uint32_t no_block = 0;  // in Entry::block: the entry is free (its block counts from 1)

size_t aligned(size_t bytes) {
  return (bytes + 7) / 8 * 8;
}

}  // namespace

CacheShelf::Entry* CacheShelf::entry_array() {
  return reinterpret_cast<Entry*>(reinterpret_cast<char*>(buckets()) + aligned(blocks_ * sizeof(uint32_t)));
}

CacheShelf::Block* CacheShelf::block_array() {
  return reinterpret_cast<Block*>(entry_array() + blocks_);
}

size_t CacheShelf::size(uint32_t blocks) {
  return sizeof(CacheShelf) + aligned(blocks * sizeof(uint32_t)) +
         size_t{blocks} * (sizeof(Entry) + sizeof(Block));
}

CacheShelf* CacheShelf::make(void* memory, uint32_t blocks) {
  auto* shelf = new (memory) CacheShelf(blocks);
  std::fill_n(shelf->buckets(), blocks, none);
  for (uint32_t i = blocks; i-- > 0;) {
    auto* entry = new (shelf->entry_array() + i) Entry{};
    entry->next = std::exchange(shelf->free_entry_, i);
    shelf->block_array()[i].next = std::exchange(shelf->free_block_, i);
  }
  shelf->blocks_free_ = blocks;
  return shelf;
}

template <class Each>
void CacheShelf::read(const Entry& entry, size_t from, size_t to, Each each) const {
  uint32_t block = entry.block - 1;
  for (size_t begin = 0; begin < to; begin += block_bytes, block = block_array()[block].next) {
    const size_t first = std::max(from, begin), last = std::min(to, begin + block_bytes);
    if (first < last && !each(std::string_view(block_array()[block].text + (first - begin), last - first)))
      return;
  }
}

bool CacheShelf::has_key(const Entry& entry, std::string_view key) const {
  if (entry.key_bytes != key.size()) return false;
  bool same = true;
  read(entry, 0, key.size(), [&](std::string_view piece) {
    same = key.starts_with(piece);
    key.remove_prefix(std::min(piece.size(), key.size()));
    return same;
  });
  return same;
}

uint32_t CacheShelf::find_index(uint64_t hash, std::string_view key) const {
  uint32_t index = buckets()[hash % blocks_];
  while (index != none && !(entry_array()[index].hash == hash && has_key(entry_array()[index], key)))
    index = entry_array()[index].next;
  return index;
}

const CacheShelf::Entry* CacheShelf::find(uint64_t hash, std::string_view key) const {
  const uint32_t index = find_index(hash, key);
  return index == none ? nullptr : entry_array() + index;
}

void CacheShelf::copy_value(const Entry& entry, char* to) const {
  entry.used.store(1, std::memory_order_relaxed);
  read(entry, entry.key_bytes, size_t{entry.key_bytes} + entry.value_bytes, [&](std::string_view piece) {
    std::memcpy(to, piece.data(), piece.size());  // std::ranges::copy goes byte by byte in GCC 12
    to += piece.size();
    return true;
  });
}

bool CacheShelf::put(uint64_t hash, std::string_view key, std::string_view value, int64_t expires,
                     std::span<const Stamp> stamps) {
  if (const uint32_t old = find_index(hash, key); old != none) remove(old);
  const size_t needed = std::max<size_t>((key.size() + value.size() + block_bytes - 1) / block_bytes, 1);
  if (needed > blocks_ || stamps.size() > most_stamps) return false;
  while (blocks_free_ < needed || free_entry_ == none) evict_one();

  const uint32_t index = free_entry_;
  Entry& entry = entry_array()[index];
  free_entry_ = entry.next;
  entry.hash = hash;
  entry.expires = expires;
  entry.key_bytes = static_cast<uint32_t>(key.size());
  entry.value_bytes = static_cast<uint32_t>(value.size());
  std::ranges::copy(stamps, entry.stamps.begin());
  entry.stamp_count = static_cast<uint32_t>(stamps.size());
  entry.used.store(0, std::memory_order_relaxed);  // so that what is asked for once does not drive out what
                                                   // is asked for often
  entry.block = write(key, value, static_cast<uint32_t>(needed)) + 1;
  entry.next = std::exchange(bucket_of(hash), index);
  entries_used_++;
  return true;
}

// Takes so many blocks from the free list and fills them; gives the first.
uint32_t CacheShelf::write(std::string_view key, std::string_view value, uint32_t count) {
  const uint32_t first = free_block_;
  uint32_t block = first;
  for (uint32_t i = 0; i < count; i++) {
    char* text = block_array()[block].text;
    size_t space = block_bytes;
    for (std::string_view* part : {&key, &value}) {
      const size_t bytes = std::min(space, part->size());
      std::memcpy(text, part->data(), bytes);
      part->remove_prefix(bytes);
      text += bytes;
      space -= bytes;
    }
    free_block_ = block_array()[block].next;
    if (i + 1 < count) block = free_block_;
  }
  block_array()[block].next = none;
  blocks_free_ -= count;
  return first;
}

void CacheShelf::remove(uint32_t index) {
  Entry& entry = entry_array()[index];
  uint32_t* link = &bucket_of(entry.hash);
  while (*link != index) link = &entry_array()[*link].next;
  *link = entry.next;
  uint32_t last = entry.block - 1, count = 1;
  for (; block_array()[last].next != none; last = block_array()[last].next) count++;
  block_array()[last].next = std::exchange(free_block_, entry.block - 1);
  blocks_free_ += count;
  entry.block = no_block;
  entry.next = std::exchange(free_entry_, index);
  entries_used_--;
}

// There is at least one entry: the blocks that are not free are somebody's.
void CacheShelf::evict_one() {
  for (;;) {
    const uint32_t index = std::exchange(hand_, (hand_ + 1) % blocks_);
    const Entry& entry = entry_array()[index];
    if (entry.block == no_block || entry.used.exchange(0, std::memory_order_relaxed) != 0) continue;
    remove(index);
    evicted_++;
    return;
  }
}

}  // namespace tenfold

// A bounded map of texts in a fixed piece of memory that processes may share: keys and values lie in chains
// of small blocks. When blocks or entries run out, the entry that was not used for longest goes, by the clock
// algorithm. Nothing here locks: who finds holds a lock for reading, who puts one for writing.
#pragma once

#include "kernel/wall.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tenfold {

class CacheShelf {
 public:
  static constexpr size_t most_stamps = 5;
  static constexpr size_t block_bytes = 252;  // of text; with its link a block has 256

  // What must still hold for an entry to be good: a counter, by its number, and its value when the text was
  // made.
  struct Stamp {
    uint32_t counter;
    uint64_t value;
  };

  struct Entry {
    uint64_t hash;
    int64_t expires;
    uint32_t next, block;  // in the chain of its bucket; its first block
    uint32_t key_bytes, value_bytes;
    std::array<Stamp, most_stamps> stamps;
    uint32_t stamp_count;
    mutable std::atomic<uint32_t> used;  // since the hand passed it last
  };

  // How many bytes a shelf of so many blocks takes; it has as many entries.
  static size_t size(uint32_t blocks);
  // An empty shelf in memory of size(blocks) bytes, aligned to 8.
  static CacheShelf* make(void* memory, uint32_t blocks);

  // Null if there is none. Who finds it may call its value until he gives up the lock.
  const Entry* find(uint64_t hash, std::string_view key) const;
  // Writes entry.value_bytes.
  void copy_value(const Entry& entry, char* to) const;

  // Replaces what has this key. False: it is larger than the shelf can hold; nothing was changed, but that an
  // entry of this key is gone.
  bool put(uint64_t hash, std::string_view key, std::string_view value, int64_t expires,
           std::span<const Stamp> stamps);

  uint32_t entries() const { return entries_used_; }
  uint32_t blocks_free() const { return blocks_free_; }
  uint32_t blocks() const { return blocks_; }
  int64_t evicted() const { return evicted_; }

 private:
  static constexpr uint32_t none = UINT32_MAX;

  struct Block {
    uint32_t next;
    char text[block_bytes];
  };

  explicit CacheShelf(uint32_t blocks) : blocks_(blocks) {}

  uint32_t* buckets() { return reinterpret_cast<uint32_t*>(this + 1); }
  const uint32_t* buckets() const { return reinterpret_cast<const uint32_t*>(this + 1); }
  Entry* entry_array();
  const Entry* entry_array() const { return const_cast<CacheShelf*>(this)->entry_array(); }
  Block* block_array();
  const Block* block_array() const { return const_cast<CacheShelf*>(this)->block_array(); }
  uint32_t& bucket_of(uint64_t hash) { return buckets()[hash % blocks_]; }

  bool has_key(const Entry& entry, std::string_view key) const;
  // Calls each(piece) for the bytes [from, to) of an entry's text, in order, until it gives false.
  template <class Each>
  void read(const Entry& entry, size_t from, size_t to, Each each) const;
  uint32_t find_index(uint64_t hash, std::string_view key) const;
  uint32_t write(std::string_view key, std::string_view value, uint32_t count);
  void remove(uint32_t index);
  void evict_one();

  uint32_t blocks_;
  uint32_t entries_used_ = 0, blocks_free_ = 0;
  uint32_t free_entry_ = none, free_block_ = none;  // lists through next
  uint32_t hand_ = 0;
  int64_t evicted_ = 0;
};

}  // namespace tenfold

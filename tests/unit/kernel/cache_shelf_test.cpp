#include "kernel/cache_shelf.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace tenfold {
namespace {

std::string value_of(const CacheShelf& shelf, const CacheShelf::Entry& entry) {
  std::string value(entry.value_bytes, ' ');
  shelf.copy_value(entry, value.data());
  return value;
}

struct Shelf {
  explicit Shelf(uint32_t blocks)
      : memory(CacheShelf::size(blocks) / 8 + 1), shelf(CacheShelf::make(memory.data(), blocks)) {}

  bool put(uint64_t hash, const std::string& key, const std::string& value) {
    return shelf->put(hash, key, value, 0, {});
  }
  std::optional<std::string> get(uint64_t hash, const std::string& key) const {
    const auto* entry = shelf->find(hash, key);
    return entry == nullptr ? std::nullopt : std::optional(value_of(*shelf, *entry));
  }

  std::vector<uint64_t> memory;
  CacheShelf* shelf;
};

TEST(cache_shelf, what_was_put_is_found) {
  Shelf shelf(100);
  const CacheShelf::Stamp stamps[] = {{7, 70}, {8, 80}};
  EXPECT_TRUE(shelf.shelf->put(5, "key", "value", 99, stamps));
  const auto* entry = shelf.shelf->find(5, "key");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(value_of(*shelf.shelf, *entry), "value");
  EXPECT_EQ(entry->expires, 99);
  EXPECT_EQ(entry->stamp_count, 2U);
  EXPECT_EQ(entry->stamps[1].value, 80U);
  EXPECT_EQ(shelf.get(5, "kez"), std::nullopt);  // the same hash, another key
  EXPECT_EQ(shelf.get(6, "key"), std::nullopt);
}

TEST(cache_shelf, texts_of_every_length) {
  Shelf shelf(20);
  for (size_t key = 0; key < 600; key += 37)
    for (size_t value = 0; value < 1200; value += 83) {
      const std::string name(key, 'k'), text(value, 'v');
      ASSERT_TRUE(shelf.put(1, name, text));
      ASSERT_EQ(shelf.get(1, name), text) << key << ' ' << value;
    }
}

TEST(cache_shelf, too_large_is_refused_and_harms_nothing) {
  Shelf shelf(4);
  EXPECT_TRUE(shelf.put(1, "a", "1"));
  EXPECT_FALSE(shelf.put(2, "b", std::string(4 * CacheShelf::block_bytes, 'x')));
  EXPECT_EQ(shelf.get(1, "a"), "1");
  EXPECT_TRUE(shelf.put(2, "b", std::string(4 * CacheShelf::block_bytes - 1, 'x')));
  EXPECT_EQ(shelf.get(1, "a"), std::nullopt);
}

TEST(cache_shelf, who_is_used_stays) {
  Shelf shelf(10);
  for (int i = 0; i < 10; i++) shelf.put(static_cast<uint64_t>(i), std::to_string(i), "x");
  for (int i = 10; i < 200; i++) {
    EXPECT_EQ(shelf.get(0, "0"), "x") << i;
    shelf.put(static_cast<uint64_t>(i), std::to_string(i), "x");
  }
}

// Against a map: what is found is what was put last, and nothing leaks.
TEST(cache_shelf, thousands_of_random_deeds) {
  std::mt19937 random(3);
  Shelf shelf(64);
  std::map<std::string, std::string> last;
  for (int i = 0; i < 50000; i++) {
    const std::string key = std::string(random() % 300, 'k') + std::to_string(random() % 40);
    const uint64_t hash = key.size() % 5;  // collide
    if (random() % 2 == 0) {
      last[key] = std::string(random() % 2000, static_cast<char>('a' + i % 26));
      ASSERT_TRUE(shelf.put(hash, key, last[key]));
    }
    const auto found = shelf.get(hash, key);
    if (found) {
      ASSERT_EQ(*found, last[key]);
    }
    ASSERT_LE(shelf.shelf->entries(), 64U);
  }
  EXPECT_GT(shelf.shelf->evicted(), 1000);
  for (const auto& [key, value] : last) shelf.put(9, key, "");
  EXPECT_TRUE(shelf.put(9, "all", std::string(63 * CacheShelf::block_bytes, 'x')));
  EXPECT_EQ(shelf.shelf->blocks_free(), 0U);
  EXPECT_EQ(shelf.shelf->entries(), 1U);
}

}  // namespace
}  // namespace tenfold

#include "kernel/provider_table.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tenfold {
namespace {

constexpr Breaker::Rules trips_at_once{1, 10, 10, 0.5, 0.8, 100'000'000, 2, 200'000'000, 0, 1, 2, 3'000'000};
constexpr Breaker::Change a_trip{Breaker::State::open, Breaker::Reason::failures_in_a_row, {5, 5, 0}, 1000};

struct Memory {
  explicit Memory(int slots) : bytes(ProviderTable::size(slots)), table(make(slots)) {}
  ProviderTable* make(int slots) { return ProviderTable::make(bytes.data(), slots, 42, 1); }

  std::vector<char> bytes;  // from operator new: aligned for all that the table holds
  ProviderTable* table;
};

void open(ProviderSlot& slot) {
  slot.breaker.report(slot.breaker.acquire(2, trips_at_once).number, Breaker::Outcome::failure, 2,
                      trips_at_once, 0);
}

TEST(provider_table, a_key_has_a_slot_of_its_own) {
  Memory memory(4);
  ProviderTable& table = *memory.table;
  EXPECT_EQ(table.look({1, 1, 1}), nullptr);
  std::vector<ProviderSlot*> slots;
  for (const ProviderKey key : {ProviderKey{1, 1, 1}, {2, 1, 1}, {1, 2, 1}, {1, 1, 2}}) {
    slots.push_back(&table.find(key, 5));
    EXPECT_EQ(&table.find(key, 6), slots.back());
    EXPECT_EQ(table.look(key), slots.back());
  }
  for (size_t i = 1; i < slots.size(); i++) EXPECT_NE(slots[i], slots[0]);
}

TEST(provider_table, permits_of_two_providers_differ) {
  Memory memory(2);
  auto& one = memory.table->find({1, 1, 1}, 5).breaker;
  auto& other = memory.table->find({1, 1, 2}, 5).breaker;
  EXPECT_NE(one.acquire(6, trips_at_once).number, other.acquire(6, trips_at_once).number);
}

TEST(provider_table, a_full_one_forgets_the_closed_one_that_was_idle_longest) {
  Memory memory(3);
  ProviderTable& table = *memory.table;
  for (int32_t i = 1; i <= 3; i++) table.find({1, 1, i}, 10 * i);
  open(table.find({1, 1, 1}, 11));
  table.find({1, 1, 4}, 50);
  EXPECT_NE(table.look({1, 1, 1}), nullptr);  // idle for longer, but open
  EXPECT_EQ(table.look({1, 1, 2}), nullptr);
  for (int32_t i = 3; i <= 4; i++) open(table.find({1, 1, i}, 50 + i));
  auto& fresh = table.find({1, 1, 5}, 60);
  EXPECT_EQ(table.look({1, 1, 1}), nullptr);  // all are open: the idlest
  EXPECT_TRUE(fresh.breaker.is_closed());
}

TEST(provider_table, an_old_claim_settles_no_change_of_a_slot_that_was_made_anew) {
  Memory memory(1);
  ProviderTable& table = *memory.table;
  table.find({1, 1, 1}, 5).changes.add(table.next_change(), 1, a_trip);
  const auto old = table.look({1, 1, 1})->changes.claim();
  table.find({1, 1, 2}, 6);  // takes the only slot
  auto& again = table.find({1, 1, 1}, 7).changes;
  again.add(table.next_change(), 2, a_trip);
  again.settle(old->number, true);
  EXPECT_EQ(again.unwritten(), 1);
}

TEST(change_log, a_claim_is_final_or_void) {
  ChangeLog log;
  EXPECT_FALSE(log.claim());
  log.add(1, 1, a_trip);
  log.add(2, 2, a_trip);
  const auto first = log.claim(), second = log.claim();
  EXPECT_EQ(first->at, 1);
  EXPECT_EQ(second->at, 2);
  EXPECT_FALSE(log.claim());
  EXPECT_EQ(log.unwritten(), 2);
  log.settle(second->number, true);
  log.settle(first->number, false);
  EXPECT_EQ(log.claim()->number, first->number);
  EXPECT_EQ(log.unwritten(), 1);
  EXPECT_EQ(log.lost(), 0);
}

TEST(change_log, what_it_cannot_hold_is_counted) {
  ChangeLog log;
  for (int i = 1; i <= ChangeLog::most + 2; i++) log.add(i, i, a_trip);
  EXPECT_EQ(log.lost(), 2);
  const auto oldest = log.claim();
  EXPECT_EQ(oldest->at, 3);
  log.add(100, 100, a_trip);  // takes the place of one that is just being written
  EXPECT_EQ(log.lost(), 2);
  log.settle(oldest->number, false);
  EXPECT_EQ(log.lost(), 3);
}

TEST(quota_block, gives_what_it_was_given_and_no_more) {
  QuotaBlock block;
  EXPECT_FALSE(block.take(100, 1));
  block.add(100, 3);
  block.add(100, 2);
  EXPECT_TRUE(block.take(100, 4));
  EXPECT_FALSE(block.take(100, 2));
  EXPECT_TRUE(block.take(100, 1));
  EXPECT_FALSE(block.take(100, 1));
}

TEST(quota_block, a_day_ends) {
  QuotaBlock block;
  block.add(100, 3);
  EXPECT_FALSE(block.take(101, 1));
  block.add(101, 1);
  block.add(100, 7);  // committed after midnight
  EXPECT_EQ(block.left(100), 0);
  EXPECT_EQ(block.left(101), 1);
}

}  // namespace
}  // namespace tenfold

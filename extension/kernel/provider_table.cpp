#include "kernel/provider_table.hpp"

#include <algorithm>
#include <iterator>
#include <new>

namespace tenfold {

void ChangeLog::add(int64_t number, int64_t at, const Breaker::Change& change) {
  Entry* place = std::ranges::min_element(entries_, {}, &Entry::number);
  if (place->number != 0 && !place->claimed) lost_++;
  *place = {number, false, at, change};
}

std::optional<ChangeLog::Entry> ChangeLog::claim() {
  Entry* oldest = nullptr;
  for (Entry& entry : entries_)
    if (entry.number != 0 && !entry.claimed && (oldest == nullptr || entry.number < oldest->number))
      oldest = &entry;
  if (oldest == nullptr) return std::nullopt;
  oldest->claimed = true;
  return *oldest;
}

void ChangeLog::settle(int64_t number, bool written) {
  Entry* entry = std::ranges::find(entries_, number, &Entry::number);
  if (entry == std::end(entries_)) {  // lost its place while it was being written
    lost_ += written ? 0 : 1;
    return;
  }
  if (written)
    *entry = {};
  else
    entry->claimed = false;
}

int32_t ChangeLog::unwritten() const {
  return static_cast<int32_t>(
      std::ranges::count_if(entries_, [](const Entry& entry) { return entry.number != 0; }));
}

bool QuotaBlock::take(int32_t day, int32_t calls) {
  if (day != day_ || left_ < calls) return false;
  left_ -= calls;
  return true;
}

void QuotaBlock::add(int32_t day, int32_t calls) {
  if (day < day_) return;
  left_ = (day == day_ ? left_ : 0) + calls;
  day_ = day;
}

size_t ProviderTable::size(int slots) {
  return sizeof(ProviderTable) + static_cast<size_t>(slots) * (sizeof(Entry) + sizeof(ProviderSlot));
}

ProviderTable* ProviderTable::make(void* memory, int slots, uint64_t random, int64_t now) {
  auto* table = new (memory) ProviderTable(slots, random);
  for (int i = 0; i < slots; i++) {
    new (table->entries() + i) Entry;
    new (table->slots() + i) ProviderSlot{Breaker(now, table->first_permit())};
  }
  return table;
}

int ProviderTable::find_index(const ProviderKey& key) {
  for (int i = 0; i < slots_; i++)
    if (entries()[i].taken && entries()[i].key == key) return i;
  return -1;
}

int ProviderTable::least_missed() {
  int best = -1;
  bool best_is_closed = false;
  for (int i = 0; i < slots_; i++) {
    if (!entries()[i].taken) return i;
    const bool is_closed = slots()[i].breaker.is_closed();
    const bool is_better = best < 0 || (is_closed && !best_is_closed) ||
                           (is_closed == best_is_closed && entries()[i].used_at < entries()[best].used_at);
    if (!is_better) continue;
    best = i;
    best_is_closed = is_closed;
  }
  return best;
}

ProviderSlot& ProviderTable::find(const ProviderKey& key, int64_t now) {
  int at = find_index(key);
  if (at < 0) {
    at = least_missed();
    entries()[at].key = key;
    entries()[at].taken = true;
    slots()[at] = ProviderSlot{Breaker(now, first_permit())};
  }
  entries()[at].used_at = now;
  return slots()[at];
}

ProviderSlot* ProviderTable::look(const ProviderKey& key) {
  const int at = find_index(key);
  return at < 0 ? nullptr : slots() + at;
}

}  // namespace tenfold

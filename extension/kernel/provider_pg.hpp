// The providers' rows, and their slots in shared memory.
#pragma once

#include "kernel/gcra.hpp"
#include "kernel/provider_table.hpp"

#include "pg/call.hpp"

namespace tenfold {

// A row of tenfold.provider.
struct Provider {
  std::string name;
  ProviderKey key{};
  Breaker::Rules rules{};
  int64_t slow_after = 0;  // µs
  std::optional<gcra::Limit> spacing;
  bool has_quota = false;
};

// The row of this name; Failure with Code::unknown_provider.
std::shared_ptr<const Provider> provider_of(std::string_view name);

// Microseconds of CLOCK_MONOTONIC: who sets the clock of the day changes nothing.
int64_t monotonic_now();

// Holds the one lock of the table; interrupts wait. Under it: no backend call, nothing that throws. A backend
// that is killed under it takes the server with it, as with any lock of Postgres: shared memory starts anew.
class LockedProviders {
 public:
  LockedProviders();
  ~LockedProviders();
  LockedProviders(const LockedProviders&) = delete;
  LockedProviders& operator=(const LockedProviders&) = delete;

  ProviderSlot& slot(const Provider& provider, int64_t now) { return table_->find(provider.key, now); }
  ProviderSlot* look(const ProviderKey& key) { return table_->look(key); }
  int64_t next_change() { return table_->next_change(); }

 private:
  ProviderTable* table_;
};

// What becomes of shared memory when the transaction ends. Asked for within it, done at its commit; undone
// at its abort, or at that of the subtransaction that asked.
void settle_change_at_end(const ProviderKey& key, int64_t change);
void add_quota_at_commit(const ProviderKey& key, int32_t day, int32_t calls);
// Calls of a block that this very transaction has asked to add: two reservations in one transaction need one
// block.
bool take_own_quota(const ProviderKey& key, int32_t day, int32_t calls);
int32_t own_quota(const ProviderKey& key, int32_t day);

}  // namespace tenfold

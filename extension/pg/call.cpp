#include "pg/call.hpp"

namespace tenfold::pg {

PgError HandlerScope::take_error() const {
  restore();  // first: a failing copy must reach the outer handler, not this one again
  MemoryContextSwitchTo(memory_);
  PgError error{CopyErrorData()};
  FlushErrorState();
  return error;
}

Subtransaction::Subtransaction() : memory_(CurrentMemoryContext), owner_(CurrentResourceOwner) {
  call([] { BeginInternalSubTransaction(nullptr); });
  // The work happens in the caller's memory, so that results outlive the subtransaction.
  MemoryContextSwitchTo(memory_);
}

void Subtransaction::commit() {
  call([] { ReleaseCurrentSubTransaction(); });
  reenter();
}

void Subtransaction::rollback() {
  call([] { RollbackAndReleaseCurrentSubTransaction(); });
  reenter();
}

void Subtransaction::reenter() {
  MemoryContextSwitchTo(memory_);
  CurrentResourceOwner = owner_;
}

bool interrupted() {
  return InterruptPending;
}

void stop_if_asked() {
  if (InterruptPending) call([] { CHECK_FOR_INTERRUPTS(); });
}

}  // namespace tenfold::pg

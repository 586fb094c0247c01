#include "pg/shmem.hpp"

extern "C" {
#include <storage/ipc.h>
#include <storage/lwlock.h>
#include <storage/shmem.h>
}

namespace tenfold::pg {
namespace {

SharedArea* first = nullptr;
shmem_request_hook_type next_request = nullptr;
shmem_startup_hook_type next_startup = nullptr;

}  // namespace

SharedArea::SharedArea(const char* name, size_t (*size)(), void (*init)(void*))
    : name_(name), size_(size), init_(init), next_(std::exchange(first, this)) {}

void SharedArea::refuse() {
  throw Failure{{Code::not_preloaded, "this needs shared memory, and the library was not preloaded",
                 "Set shared_preload_libraries = 'pg_cron,tenfold' and restart Postgres."}};
}

// Runs in the postmaster: no C++ object lives across these calls, and a failure is Postgres's own.
void SharedArea::request_all() {
  if (next_request != nullptr) next_request();
  for (const SharedArea* area = first; area != nullptr; area = area->next_)
    RequestAddinShmemSpace(area->size_());
}

// Also runs in each backend of an EXEC_BACKEND build: there the area is found, not made.
void SharedArea::make_all() {
  if (next_startup != nullptr) next_startup();
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  for (SharedArea* area = first; area != nullptr; area = area->next_) {
    bool found = false;
    area->address_ = ShmemInitStruct(area->name_, area->size_(), &found);
    if (!found) area->init_(area->address_);
  }
  LWLockRelease(AddinShmemInitLock);
}

void SharedArea::install_hooks() {
  next_request = std::exchange(shmem_request_hook, request_all);
  next_startup = std::exchange(shmem_startup_hook, make_all);
}

}  // namespace tenfold::pg

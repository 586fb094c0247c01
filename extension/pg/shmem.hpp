// Shared memory: areas of fixed size, made when the server starts, if the library is in
// shared_preload_libraries.
#pragma once

#include "pg/postgres.hpp"

namespace tenfold::pg {

// One area. Make it a static of the file that uses it; areas register themselves before _PG_init runs.
class SharedArea {
 public:
  // size() is asked once the settings are known. init() fills the new area; it runs in the postmaster, alone.
  SharedArea(const char* name, size_t (*size)(), void (*init)(void*));

  // The area. Failure with Code::not_preloaded if the library was not preloaded.
  template <class T>
  T& as() const {
    if (address_ == nullptr) refuse();
    return *static_cast<T*>(address_);
  }

  // For _PG_init: asks for all areas, and makes them.
  static void install_hooks();

 private:
  [[noreturn]] static void refuse();
  static void request_all();
  static void make_all();

  const char* name_;
  size_t (*size_)();
  void (*init_)(void*);
  void* address_ = nullptr;
  SharedArea* next_;
};

}  // namespace tenfold::pg

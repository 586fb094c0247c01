// The library's life: what happens when Postgres loads it.
#include "pg/module.hpp"

#include "kernel/cache_pg.hpp"
#include "kernel/endpoint_pg.hpp"
#include "pg/settings.hpp"
#include "pg/shmem.hpp"

namespace {

bool came_by_preload = false;

}  // namespace

bool tenfold::pg::preloaded() {
  return came_by_preload;
}

extern "C" {
PG_MODULE_MAGIC;

void _PG_init(void);

void _PG_init(void) {
  came_by_preload = process_shared_preload_libraries_in_progress;
  tenfold::pg::define_settings();
  tenfold::watch_endpoints();
  if (!came_by_preload) return;
  tenfold::pg::SharedArea::install_hooks();
  tenfold::watch_transactions();
}
}

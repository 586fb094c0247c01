/* Valgrind's requests, which Postgres makes of whatever memory may not be touched, as those of the address sanitizer: for
 * the server of dev/checked-server. Weak: who runs without the sanitizer (initdb, psql) asks nobody. */
#ifndef TENFOLD_POISON_H
#define TENFOLD_POISON_H

#include <stddef.h>

extern void __asan_poison_memory_region(const volatile void *start, size_t size) __attribute__((weak));
extern void __asan_unpoison_memory_region(const volatile void *start, size_t size) __attribute__((weak));

static inline void tenfold_poison(const volatile void *start, size_t size) {
  if (__asan_poison_memory_region) __asan_poison_memory_region(start, size);
}

static inline void tenfold_unpoison(const volatile void *start, size_t size) {
  if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(start, size);
}

#define VALGRIND_MAKE_MEM_NOACCESS(start, size) tenfold_poison(start, size)
#define VALGRIND_MAKE_MEM_UNDEFINED(start, size) tenfold_unpoison(start, size)
#define VALGRIND_MAKE_MEM_DEFINED(start, size) tenfold_unpoison(start, size)
#define VALGRIND_MEMPOOL_ALLOC(pool, start, size) tenfold_unpoison(start, size)

/* What the sanitizer does not know, or the server's wiping of freed memory says as well. */
#define VALGRIND_CHECK_MEM_IS_DEFINED(start, size) ((void) 0)
#define VALGRIND_GET_VBITS(start, bits, size) 0
#define VALGRIND_CREATE_MEMPOOL(pool, redzone, zeroed) ((void) 0)
#define VALGRIND_DESTROY_MEMPOOL(pool) ((void) 0)
#define VALGRIND_MEMPOOL_FREE(pool, start) ((void) 0)
#define VALGRIND_MEMPOOL_CHANGE(pool, old_start, new_start, size) ((void) 0)

#endif

// Loops over several numbers at once, in the compiler's vector extensions: 32 bytes, which it splits where
// the machine has less.
#pragma once

#include "kernel/wall.hpp"

#include <cstdint>

namespace tenfold {

using Bits4 = uint64_t __attribute__((vector_size(32)));
using Integers4 = int64_t __attribute__((vector_size(32)));
using Doubles4 = double __attribute__((vector_size(32)));

}  // namespace tenfold

// Before a function with such a loop: packages are built for any x86-64, so the function is compiled twice,
// and the loader takes the one for AVX2 where there is AVX2. (Sanitizers are not ready yet when it chooses.)
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define TENFOLD_FOR_THIS_MACHINE [[gnu::target_clones("avx2", "default")]]
#else
#define TENFOLD_FOR_THIS_MACHINE
#endif
